#pragma once

// What a model may write when it may call tools, as a grammar: text and calls as its family writes them, each
// call of a tool that there is, with arguments that fit a strict tool's schema.

#include <optional>
#include <vector>

#include "base/result.h"
#include "engine/grammar/grammar.h"
#include "llm/message.h"
#include "text/tool_call_format.h"

namespace capstan::engine {

struct ToolGrammarOptions {
    const std::vector<llm::Tool>& tools;
    text::ToolCallFormat format = text::ToolCallFormat::kNone;
    bool must_call = false;          // Nothing but calls; else text, calls, or both.
    bool has_parallel_calls = true;  // Else one call, and nothing after it.
};

// Arguments of a tool that is not strict are any object. kInvalid for a strict tool's schema that cannot be
// enforced, with the tool's name, and for kNone.
Result<Grammar> tool_call_grammar(const ToolGrammarOptions& options);

}  // namespace capstan::engine
