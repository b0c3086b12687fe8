#include "engine/grammar/grammar_compiler.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "engine/grammar/ebnf.h"
#include "engine/grammar/json_schema.h"
#include "engine/grammar/regular_expression.h"

namespace capstan::engine {
namespace {

// "<0x0A>", as SentencePiece writes bytes.
std::optional<char> byte_token(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') {
        return std::nullopt;
    }
    int value = 0;
    for (const char c : token.substr(3, 2)) {
        const auto digit = std::string_view("0123456789ABCDEF").find(c);
        if (digit == std::string_view::npos) {
            return std::nullopt;
        }
        value = value * 16 + static_cast<int>(digit);
    }
    return static_cast<char>(value);
}

Result<ExpressionId> choices(const std::vector<std::string>& texts, GrammarBuilder& builder) {
    if (texts.empty() || texts.size() > GrammarCompiler::kChoicesMax) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("{} choices; 1 to {} can be given", texts.size(), GrammarCompiler::kChoicesMax)
        };
    }
    std::vector<ExpressionId> ways;
    for (const std::string& text : texts) {
        ways.push_back(builder.literal(text));
    }
    return builder.choice(std::move(ways));
}

std::string key_of(const llm::Constraint& constraint) {
    std::string key = fmt::format("{}:{}", static_cast<int>(constraint.kind), constraint.text);
    for (const std::string& choice : constraint.choices) {
        key += fmt::format("\n{}:{}", choice.size(), choice);
    }
    return key;
}

}  // namespace

TokenBytes token_bytes(
    const text::Tokenizer& tokenizer,
    std::vector<llm::TokenId> end_tokens,
    std::span<const std::string_view> shown
) {
    TokenBytes tokens = {.texts = {}, .end_tokens = std::move(end_tokens)};
    tokens.texts.resize(tokenizer.vocabulary_size());
    const auto letter = tokenizer.id_of("a");
    const std::string before = letter ? tokenizer.decode(std::vector{*letter}) : "";
    for (std::size_t i = 0; i < tokens.texts.size(); ++i) {
        const auto id = static_cast<std::int32_t>(i);
        const std::string_view name = tokenizer.token_of(id);
        if (tokenizer.is_special(id) || name.empty()) {
            tokens.texts[i] = std::ranges::find(shown, name) != shown.end() ? name : std::string_view();
        } else if (const auto bytes = tokenizer.bytes_of(id)) {
            tokens.texts[i] = *bytes;
        } else if (const auto byte = byte_token(tokenizer.token_of(id))) {
            tokens.texts[i] = *byte;
        } else {
            const std::string text = tokenizer.decode(letter ? std::vector{*letter, id} : std::vector{id});
            tokens.texts[i] = text.starts_with(before) ? text.substr(before.size()) : "";
        }
    }
    return tokens;
}

Result<Grammar> parse_constraint(const llm::Constraint& constraint) {
    GrammarBuilder builder;
    const RuleId root = builder.declare("root");
    Result<ExpressionId> body = builder.empty();
    switch (constraint.kind) {
        case llm::Constraint::Kind::kGrammar:
            return parse_ebnf(constraint.text);
        case llm::Constraint::Kind::kJsonSchema:
            return parse_json_schema(constraint.text);
        case llm::Constraint::Kind::kJsonObject:
            body = JsonPieces(builder).object();
            break;
        case llm::Constraint::Kind::kRegex:
            body = parse_regex(constraint.text, RegexUse::kWholeText, builder);
            break;
        case llm::Constraint::Kind::kChoice:
            body = choices(constraint.choices, builder);
            break;
        case llm::Constraint::Kind::kNone:
            break;
    }
    if (!body) {
        return body.error();
    }
    builder.define(root, *body);
    return builder.finish(root);
}

Result<std::shared_ptr<const CompiledGrammar>> GrammarCompiler::compile(const llm::Constraint& constraint) {
    if (constraint.kind == llm::Constraint::Kind::kNone) {
        return std::shared_ptr<const CompiledGrammar>();
    }
    return compile(key_of(constraint), [&] { return parse_constraint(constraint); });
}

Result<std::shared_ptr<const CompiledGrammar>> GrammarCompiler::compile(const ToolGrammarOptions& options) {
    std::string key = fmt::format(
        "tools:{}:{}:{}", static_cast<int>(options.format), options.must_call, options.has_parallel_calls
    );
    for (const llm::Tool& tool : options.tools) {
        const std::string_view schema = tool.is_strict ? std::string_view(tool.parameters) : "";
        key += fmt::format("\n{}:{}:{}:{}", tool.name.size(), tool.name, schema.size(), schema);
    }
    return compile(std::move(key), [&] { return tool_call_grammar(options); });
}

Result<std::shared_ptr<const CompiledGrammar>> GrammarCompiler::compile(
    std::string key, const std::function<Result<Grammar>()>& make
) {
    if (auto known = cache_.find(key)) {
        return known;
    }
    const auto grammar = make();
    if (!grammar) {
        return grammar.error();
    }
    auto compiled = compile_grammar(*grammar, trie_, cache_.masks_bytes_max());
    if (compiled) {
        cache_.add(std::move(key), *compiled);
    }
    return compiled;
}

}  // namespace capstan::engine
