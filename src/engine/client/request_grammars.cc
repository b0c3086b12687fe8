#include "engine/client/request_grammars.h"

#include "engine/client/tool_choice.h"

namespace capstan::engine {

Result<std::shared_ptr<const CompiledGrammar>> RequestGrammars::grammar_of(const llm::GenerateRequest& request
) {
    if (holds_free_calls(request)) {
        return of_tool_calls().compile(
            {.tools = request.tools,
             .format = encoder_.tool_call_format(),
             .has_parallel_calls = request.parallel_tool_calls}
        );
    }
    if (request.constraint.kind == llm::Constraint::Kind::kNone) {
        return std::shared_ptr<const CompiledGrammar>();
    }
    return of_answers().compile(request.constraint);
}

GrammarCompiler& RequestGrammars::of_answers() {
    std::call_once(answers_made_, [this] {
        answers_ = std::make_unique<GrammarCompiler>(token_bytes(encoder_.tokenizer(), end_tokens_), cache_);
    });
    return *answers_;
}

GrammarCompiler& RequestGrammars::of_tool_calls() {
    std::call_once(tool_calls_made_, [this] {
        const auto signs = text::tool_call_signs(encoder_.tool_call_format());
        tool_calls_ =
            std::make_unique<GrammarCompiler>(token_bytes(encoder_.tokenizer(), end_tokens_, signs), cache_);
    });
    return *tool_calls_;
}

}  // namespace capstan::engine
