#pragma once

// JSON numbers between two bounds, digit by digit.

#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "engine/grammar/grammar.h"

namespace capstan::engine {

// A number as it is written: no rounding.
struct Decimal {
    bool is_negative = false;
    std::string whole = "0";  // Without zeros in front, but for a zero itself.
    std::string fraction;     // Without zeros at the end.

    bool is_zero() const { return whole == "0" && fraction.empty(); }
};

// kInvalid for what is no number, or one of more than 40 digits.
Result<Decimal> read_decimal(const Json& number);

struct Bound {
    Decimal at;
    bool is_exclusive = false;
};

struct NumberRange {
    std::optional<Bound> low;
    std::optional<Bound> high;
    int fraction_digits_max = 16;  // 0: integers.
};

// All numbers of the range without an exponent, without "-0", and, where a side has no bound, with up to 18
// digits before the point. Nothing when there are none.
ExpressionId number_between(const NumberRange& range, GrammarBuilder& builder);

}  // namespace capstan::engine
