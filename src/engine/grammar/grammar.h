#pragma once

// A grammar as every notation becomes one (EBNF, regular expressions, JSON schemas, choices): rules over
// expressions over characters.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/grammar/character_set.h"

namespace capstan::engine {

using ExpressionId = std::int32_t;
using RuleId = std::int32_t;

struct Expression {
    enum class Kind : std::uint8_t {
        kLiteral,     // `text`, byte for byte; may be empty.
        kCharacters,  // One character of `set`, in UTF-8.
        kSequence,    // All of `parts`, in order.
        kChoice,      // One of `parts`; nothing at all when there are none.
        kRepeat,      // parts[0], `min` to `max` times; a max of -1 is no limit.
        kCall,        // What `rule` is.
    };

    Kind kind = Kind::kLiteral;
    std::string text = {};
    CharacterSet set = {};
    std::vector<ExpressionId> parts = {};
    std::int32_t min = 0;
    std::int32_t max = 0;
    RuleId rule = 0;
};

struct GrammarRule {
    std::string name;
    std::optional<ExpressionId> body;  // None only while it is built.
};

inline constexpr std::int32_t kRepeatsMax = 1'000'000;
inline constexpr std::size_t kExpressionsMax = 300'000;
inline constexpr std::size_t kLiteralBytesMax = 8 << 20;

struct Grammar {
    std::vector<Expression> expressions;
    std::vector<GrammarRule> rules;
    RuleId root = 0;
};

// Makes a grammar from the inside out. Nothing is checked but sizes: over the limits everything becomes
// empty, and `finish` says so.
class GrammarBuilder {
public:
    ExpressionId literal(std::string_view text);
    ExpressionId characters(CharacterSet set);
    ExpressionId sequence(std::vector<ExpressionId> parts);
    ExpressionId choice(std::vector<ExpressionId> parts);
    ExpressionId repeat(ExpressionId part, std::int32_t min, std::int32_t max);
    ExpressionId call(RuleId rule);

    ExpressionId empty() { return literal(""); }

    ExpressionId nothing() { return choice({}); }

    ExpressionId optional(ExpressionId part) { return choice({part, empty()}); }

    // A rule without a body, which `define` gives it.
    RuleId declare(std::string_view name);
    void define(RuleId rule, ExpressionId body);

    ExpressionId rule(std::string_view name, ExpressionId body);  // A call of a new rule.

    bool is_too_large() const { return is_too_large_; }

    // kTooLarge over the limits; kInvalid, naming it, for a rule without a body.
    Result<Grammar> finish(RuleId root);

private:
    ExpressionId add(Expression expression);

    Grammar grammar_;
    std::size_t literal_bytes_ = 0;
    bool is_too_large_ = false;
};

}  // namespace capstan::engine
