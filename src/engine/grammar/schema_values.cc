#include "engine/grammar/schema_values.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "engine/grammar/number_range.h"
#include "engine/grammar/regular_expression.h"
#include "engine/grammar/string_formats.h"

namespace capstan::engine {
namespace {

// "minimum" and "exclusiveMinimum", or the two for the other side: the one that leaves less.
Result<std::optional<Bound>> bound_of(const Json& schema, std::string_view open, std::string_view exclusive) {
    std::optional<Bound> bound;
    double at = 0;
    for (const std::string_view name : {open, exclusive}) {
        if (!schema.contains(name)) {
            continue;
        }
        auto decimal = read_decimal(schema[name]);
        if (!decimal) {
            return with_context(fmt::format("'{}'", name), decimal.error());
        }
        const double value = *schema[name].as_double();
        const bool is_low = open == "minimum";
        if (!bound || value == at || (value > at) == is_low) {
            bound = Bound{.at = std::move(*decimal), .is_exclusive = name == exclusive};
            at = value;
        }
    }
    return bound;
}

// Digits behind the point that a "multipleOf" of 1, 0.1, 0.01 … leaves.
Result<int> fraction_digits(const Json& multiple) {
    const auto decimal = read_decimal(multiple);
    if (decimal && !decimal->is_negative) {
        const std::string digits = decimal->whole + decimal->fraction;
        if (digits.find_first_not_of('0') == digits.size() - 1 && digits.back() == '1') {
            return static_cast<int>(decimal->fraction.size());
        }
    }
    return Error{
        ErrorCode::kInvalid,
        fmt::format("'multipleOf' of {} is not supported; 1, 0.1, 0.01 and so on are", multiple.dump())
    };
}

}  // namespace

Result<CountRange> counts_of_schema(
    const Json& schema, std::string_view min_name, std::string_view max_name
) {
    CountRange range;
    for (const std::string_view name : {min_name, max_name}) {
        if (!schema.contains(name)) {
            continue;
        }
        const auto value = schema[name].as_double();
        if (!value || *value < 0 ||
            *value != static_cast<double>(static_cast<std::int64_t>(std::min(*value, 1e15)))) {
            return Error{ErrorCode::kInvalid, fmt::format("'{}' must be a whole number from 0 up", name)};
        }
        if (name == min_name && *value > kRepeatsMax) {
            return Error{ErrorCode::kTooLarge, fmt::format("'{}' may be at most {}", name, kRepeatsMax)};
        }
        const auto count = static_cast<std::int32_t>(std::min(*value, static_cast<double>(kRepeatsMax)));
        (name == min_name ? range.min : range.max) = count;
    }
    return range;
}

Result<ExpressionId> string_of_schema(const Json& schema, JsonPieces& pieces) {
    GrammarBuilder& builder = pieces.builder();
    const auto lengths = counts_of_schema(schema, "minLength", "maxLength");
    if (!lengths) {
        return lengths.error();
    }
    const bool has_length = lengths->min > 0 || lengths->max >= 0;
    const bool has_pattern = schema.contains("pattern");
    const bool has_format = schema.contains("format");
    if (int{has_length} + int{has_pattern} + int{has_format} > 1) {
        return Error{
            ErrorCode::kInvalid, "only one of a length, 'pattern' and 'format' can be enforced at once"
        };
    }
    if (!has_length && !has_pattern && !has_format) {
        return pieces.string();
    }
    const auto quoted = [&](ExpressionId inner) {
        return builder.rule(
            "string", builder.sequence({builder.literal("\""), inner, builder.literal("\"")})
        );
    };
    if (has_length) {
        return lengths->is_empty() ? builder.nothing()
                                   : quoted(builder.repeat(pieces.character(), lengths->min, lengths->max));
    }
    const std::string* text = schema[has_pattern ? "pattern" : "format"].as_string();
    if (text == nullptr) {
        return Error{ErrorCode::kInvalid, "'pattern' and 'format' must be texts"};
    }
    const std::string_view format = has_format ? expression_of_format(*text) : std::string_view();
    if (has_format && format.empty()) {
        return Error{ErrorCode::kInvalid, fmt::format("'format' of '{}' is not supported", *text)};
    }
    const auto inner = has_pattern ? parse_regex(*text, RegexUse::kJsonString, builder)
                                   : parse_regex(format, RegexUse::kWholeText, builder);
    return inner ? Result<ExpressionId>(quoted(*inner)) : inner;
}

Result<ExpressionId> number_of_schema(const Json& schema, NumberKind kind, JsonPieces& pieces) {
    const auto low = bound_of(schema, "minimum", "exclusiveMinimum");
    if (!low) {
        return low.error();
    }
    const auto high = bound_of(schema, "maximum", "exclusiveMaximum");
    if (!high) {
        return high.error();
    }
    const bool has_multiple = schema.contains("multipleOf");
    int digits = kind == NumberKind::kInteger ? 0 : 16;
    if (has_multiple) {
        const auto left = fraction_digits(schema["multipleOf"]);
        if (!left) {
            return left.error();
        }
        digits = std::min(digits, *left);
    }
    if (!*low && !*high && (!has_multiple || kind == NumberKind::kInteger)) {
        return kind == NumberKind::kInteger ? pieces.integer() : pieces.number();
    }
    GrammarBuilder& builder = pieces.builder();
    return builder.rule(
        "number", number_between({.low = *low, .high = *high, .fraction_digits_max = digits}, builder)
    );
}

}  // namespace capstan::engine
