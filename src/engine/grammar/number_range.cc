#include "engine/grammar/number_range.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace capstan::engine {
namespace {

constexpr std::size_t kDigitsMax = 40;
constexpr std::size_t kWholeDigitsFree = 18;

// Numbers from 0 up, between bounds that are not negative.
class Magnitudes {
public:
    Magnitudes(
        std::optional<Bound> low, std::optional<Bound> high, int fraction_digits, GrammarBuilder& builder
    )
        : low_(std::move(low).value_or(Bound{})),
          high_(std::move(high)),
          fraction_digits_(static_cast<std::size_t>(fraction_digits)),
          builder_(builder) {}

    ExpressionId build() {
        const std::size_t most =
            high_ ? high_->at.whole.size() : std::max(kWholeDigitsFree, low_.at.whole.size() + 1);
        std::vector<ExpressionId> ways;
        for (digits_ = low_.at.whole.size(); digits_ <= most; ++digits_) {
            const Tight tight = {
                .low = digits_ == low_.at.whole.size(), .high = high_ && digits_ == high_->at.whole.size()
            };
            ways.push_back(whole(0, tight));
        }
        return builder_.choice(std::move(ways));
    }

private:
    // Whether the digits so far are those of a bound.
    struct Tight {
        bool low = false;
        bool high = false;

        bool any() const { return low || high; }
    };

    ExpressionId digit(char first, char last) {
        return builder_.characters({{static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last)}});
    }

    // A digit from `first` to `last`, then what `rest` gives for how tight that leaves it.
    template <typename Rest>
    ExpressionId digit_then(char first, char last, Tight tight, const Rest& rest) {
        std::vector<ExpressionId> ways;
        const auto add = [&](char from, char to, Tight then) {
            if (from <= to) {
                ways.push_back(builder_.sequence({digit(from, to), rest(then)}));
            }
        };
        if (tight.low && tight.high && first == last) {
            add(first, last, tight);
            return builder_.choice(std::move(ways));
        }
        if (first > last) {
            return builder_.nothing();
        }
        char low = first;
        char high = last;
        if (tight.low) {
            add(low, low, {.low = true, .high = false});
            ++low;
        }
        if (tight.high && low <= high) {
            add(high, high, {.low = false, .high = true});
            --high;
        }
        add(low, high, {});
        return builder_.choice(std::move(ways));
    }

    ExpressionId whole(std::size_t at, Tight tight) {
        if (at == digits_) {
            return fraction(tight);
        }
        const char least = at == 0 && digits_ > 1 ? '1' : '0';
        if (!tight.any()) {
            const auto left = static_cast<std::int32_t>(digits_ - at);
            const auto first = at == 0 ? digit(least, '9') : digit('0', '9');
            return builder_.sequence(
                {first, builder_.repeat(digit('0', '9'), left - 1, left - 1), fraction({})}
            );
        }
        const char first = tight.low ? low_.at.whole[at] : least;
        const char last = tight.high ? high_->at.whole[at] : '9';
        return digit_then(first, last, tight, [&](Tight then) { return whole(at + 1, then); });
    }

    // From the point on, or nothing.
    ExpressionId fraction(Tight tight) {
        std::vector<ExpressionId> ways;
        if (may_stop(0, tight)) {
            ways.push_back(builder_.empty());
        }
        if (fraction_digits_ > 0) {
            ways.push_back(builder_.sequence({builder_.literal("."), fraction_digit(0, tight)}));
        }
        return builder_.choice(std::move(ways));
    }

    // Whether a number may end behind `at` digits of its fraction.
    bool may_stop(std::size_t at, Tight tight) const {
        if (tight.low && (at < low_.at.fraction.size() || low_.is_exclusive)) {
            return false;
        }
        return !tight.high || at < high_->at.fraction.size() || !high_->is_exclusive;
    }

    ExpressionId fraction_digit(std::size_t at, Tight tight) {
        if (at >= fraction_digits_) {
            return builder_.nothing();
        }
        const bool low_is_over = at >= low_.at.fraction.size();
        if (tight.low && low_is_over && !low_.is_exclusive) {
            tight.low = false;  // Whatever follows is no less.
        }
        if (!tight.any()) {
            const auto left = static_cast<std::int32_t>(fraction_digits_ - at);
            return builder_.repeat(digit('0', '9'), 1, left);
        }
        const bool high_is_over = tight.high && at >= high_->at.fraction.size();
        if (high_is_over && high_->is_exclusive) {
            return builder_.nothing();
        }
        const char first = !tight.low || low_is_over ? '0' : low_.at.fraction[at];
        const char last = !tight.high ? '9' : high_is_over ? '0' : high_->at.fraction[at];
        return digit_then(first, last, tight, [&](Tight then) {
            std::vector<ExpressionId> ways = {fraction_digit(at + 1, then)};
            if (may_stop(at + 1, then)) {
                ways.push_back(builder_.empty());
            }
            return builder_.choice(std::move(ways));
        });
    }

    Bound low_;
    std::optional<Bound> high_;
    std::size_t fraction_digits_;
    std::size_t digits_ = 0;  // Before the point.
    GrammarBuilder& builder_;
};

// Compares magnitudes: below, at or above 0 as `a` is to `b`.
int compare(const Decimal& a, const Decimal& b) {
    if (a.whole.size() != b.whole.size()) {
        return a.whole.size() < b.whole.size() ? -1 : 1;
    }
    const int whole = a.whole.compare(b.whole);
    return whole != 0 ? whole : a.fraction.compare(b.fraction);
}

ExpressionId magnitudes(
    const std::optional<Bound>& low,
    const std::optional<Bound>& high,
    int fraction_digits,
    GrammarBuilder& builder
) {
    if (low && high) {
        const int order = compare(low->at, high->at);
        if (order > 0 || (order == 0 && (low->is_exclusive || high->is_exclusive))) {
            return builder.nothing();
        }
    }
    return Magnitudes(low, high, fraction_digits, builder).build();
}

Bound mirrored(Bound bound) {
    bound.at.is_negative = false;
    return bound;
}

}  // namespace

Result<Decimal> read_decimal(const Json& number) {
    if (!number.is_number()) {
        return Error{ErrorCode::kInvalid, "a bound must be a number"};
    }
    std::string text = number.dump();
    Decimal decimal;
    if (text.starts_with('-')) {
        decimal.is_negative = true;
        text.erase(0, 1);
    }
    const std::size_t e = text.find_first_of("eE");
    const int exponent = e == std::string::npos ? 0 : std::atoi(text.c_str() + e + 1);
    text.resize(std::min(e, text.size()));
    const std::size_t point = std::min(text.find('.'), text.size());
    std::string digits = text.substr(0, point) + (point < text.size() ? text.substr(point + 1) : "");
    const int place = static_cast<int>(point) + exponent;
    if (std::abs(place) > static_cast<int>(kDigitsMax) || digits.size() > kDigitsMax) {
        return Error{ErrorCode::kInvalid, "a bound has more than 40 digits"};
    }
    if (place < 0) {
        digits.insert(0, static_cast<std::size_t>(-place), '0');
    }
    const auto whole_digits = static_cast<std::size_t>(std::max(place, 0));
    digits.resize(std::max(digits.size(), whole_digits), '0');
    decimal.whole = digits.substr(0, whole_digits);
    decimal.fraction = digits.substr(whole_digits);
    decimal.whole.erase(0, std::min(decimal.whole.find_first_not_of('0'), decimal.whole.size()));
    if (decimal.whole.empty()) {
        decimal.whole = "0";
    }
    decimal.fraction.erase(decimal.fraction.find_last_not_of('0') + 1);
    return decimal;
}

ExpressionId number_between(const NumberRange& range, GrammarBuilder& builder) {
    std::vector<ExpressionId> ways;
    const Bound zero;
    const bool low_is_negative = !range.low || (range.low->at.is_negative && !range.low->at.is_zero());
    const bool high_is_negative = range.high && range.high->at.is_negative && !range.high->at.is_zero();
    if (low_is_negative) {
        // Mirrored: from minus the high bound to minus the low one. Minus zero is left to the other half.
        const Bound least = high_is_negative ? mirrored(*range.high) : Bound{.at = {}, .is_exclusive = true};
        const auto most = range.low ? std::optional(mirrored(*range.low)) : std::nullopt;
        ways.push_back(builder.sequence(
            {builder.literal("-"), magnitudes(least, most, range.fraction_digits_max, builder)}
        ));
    }
    if (!high_is_negative) {
        const Bound least = low_is_negative ? zero : mirrored(*range.low);
        const auto most = range.high ? std::optional(mirrored(*range.high)) : std::nullopt;
        ways.push_back(magnitudes(least, most, range.fraction_digits_max, builder));
    }
    return builder.choice(std::move(ways));
}

}  // namespace capstan::engine
