#include "engine/grammar/grammar.h"

#include <fmt/format.h>

namespace capstan::engine {

ExpressionId GrammarBuilder::literal(std::string_view text) {
    literal_bytes_ += text.size();
    return add({.kind = Expression::Kind::kLiteral, .text = std::string(text)});
}

ExpressionId GrammarBuilder::characters(CharacterSet set) {
    literal_bytes_ += set.ranges().size() * sizeof(CharacterRange);
    return add({.kind = Expression::Kind::kCharacters, .set = std::move(set)});
}

ExpressionId GrammarBuilder::sequence(std::vector<ExpressionId> parts) {
    literal_bytes_ += parts.size() * sizeof(ExpressionId);
    return parts.size() == 1 ? parts[0]
                             : add({.kind = Expression::Kind::kSequence, .parts = std::move(parts)});
}

ExpressionId GrammarBuilder::choice(std::vector<ExpressionId> parts) {
    literal_bytes_ += parts.size() * sizeof(ExpressionId);
    return parts.size() == 1 ? parts[0] : add({.kind = Expression::Kind::kChoice, .parts = std::move(parts)});
}

ExpressionId GrammarBuilder::repeat(ExpressionId part, std::int32_t min, std::int32_t max) {
    return add({.kind = Expression::Kind::kRepeat, .parts = {part}, .min = min, .max = max});
}

ExpressionId GrammarBuilder::call(RuleId rule) {
    return add({.kind = Expression::Kind::kCall, .rule = rule});
}

RuleId GrammarBuilder::declare(std::string_view name) {
    if (grammar_.rules.size() >= kExpressionsMax) {
        is_too_large_ = true;
        return 0;
    }
    literal_bytes_ += name.size();
    grammar_.rules.push_back({.name = std::string(name), .body = std::nullopt});
    return static_cast<RuleId>(grammar_.rules.size() - 1);
}

void GrammarBuilder::define(RuleId rule, ExpressionId body) {
    grammar_.rules[static_cast<std::size_t>(rule)].body = body;
}

ExpressionId GrammarBuilder::rule(std::string_view name, ExpressionId body) {
    const RuleId id = declare(name);
    define(id, body);
    return call(id);
}

Result<Grammar> GrammarBuilder::finish(RuleId root) {
    if (is_too_large_) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format(
                "the grammar is too large: at most {} expressions and {} bytes of text",
                kExpressionsMax,
                kLiteralBytesMax
            )
        };
    }
    for (const GrammarRule& rule : grammar_.rules) {
        if (!rule.body) {
            return Error{
                ErrorCode::kInvalid, fmt::format("rule '{}' is used and nowhere defined", rule.name)
            };
        }
    }
    grammar_.root = root;
    return std::move(grammar_);
}

ExpressionId GrammarBuilder::add(Expression expression) {
    if (grammar_.expressions.size() >= kExpressionsMax || literal_bytes_ > kLiteralBytesMax) {
        is_too_large_ = true;
        return 0;
    }
    grammar_.expressions.push_back(std::move(expression));
    return static_cast<ExpressionId>(grammar_.expressions.size() - 1);
}

}  // namespace capstan::engine
