#include "base/clock.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include <fmt/format.h>

namespace capstan {
namespace {

constexpr std::int64_t kMsPerDay = 86'400'000;

template <typename Duration, typename Clock>
std::int64_t since_epoch() {
    return std::chrono::duration_cast<Duration>(Clock::now().time_since_epoch()).count();
}

// Reads fixed-width fields from the front of a text.
class Scanner {
public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    std::optional<int> digits(std::size_t count) {
        if (rest_.size() < count) {
            return std::nullopt;
        }
        int value = 0;
        for (const char c : rest_.substr(0, count)) {
            if (c < '0' || c > '9') {
                return std::nullopt;
            }
            value = value * 10 + (c - '0');
        }
        rest_.remove_prefix(count);
        return value;
    }

    bool literal(char expected) {
        if (rest_.empty() || rest_.front() != expected) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }

    bool at_end() const { return rest_.empty(); }

private:
    std::string_view rest_;
};

// Milliseconds after a '.', of one to nine digits. Nothing when malformed.
std::optional<int> fraction_ms(Scanner& scanner) {
    int value = 0;
    int count = 0;
    while (const auto digit = scanner.digits(1)) {
        if (++count <= 3) {
            value = value * 10 + *digit;
        }
    }
    for (int i = count; i < 3; ++i) {
        value *= 10;
    }
    return count >= 1 && count <= 9 ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> offset_ms(Scanner& scanner) {
    if (scanner.literal('Z') || scanner.literal('z')) {
        return 0;
    }
    const int sign = scanner.literal('+') ? 1 : scanner.literal('-') ? -1 : 0;
    const auto hours = scanner.digits(2);
    const bool colon = scanner.literal(':');
    const auto minutes = scanner.digits(2);
    if (sign == 0 || !hours || !colon || !minutes || *hours > 23 || *minutes > 59) {
        return std::nullopt;
    }
    return std::int64_t{sign} * (*hours * 60 + *minutes) * 60'000;
}

std::optional<std::int64_t> date_ms(Scanner& scanner) {
    const auto year = scanner.digits(4);
    const bool dash1 = scanner.literal('-');
    const auto month = scanner.digits(2);
    const bool dash2 = scanner.literal('-');
    const auto day = scanner.digits(2);
    if (!year || !dash1 || !month || !dash2 || !day) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{
        std::chrono::year(*year),
        std::chrono::month(static_cast<unsigned>(*month)),
        std::chrono::day(static_cast<unsigned>(*day))
    };
    if (!date.ok()) {
        return std::nullopt;
    }
    return std::chrono::sys_days(date).time_since_epoch().count() * kMsPerDay;
}

std::optional<std::int64_t> time_of_day_ms(Scanner& scanner) {
    const auto hour = scanner.digits(2);
    const bool colon1 = scanner.literal(':');
    const auto minute = scanner.digits(2);
    const bool colon2 = scanner.literal(':');
    const auto second = scanner.digits(2);
    if (!hour || !colon1 || !minute || !colon2 || !second || *hour > 23 || *minute > 59 || *second > 60) {
        return std::nullopt;
    }
    std::int64_t ms = ((*hour * 60 + *minute) * std::int64_t{60} + *second) * 1000;
    if (scanner.literal('.')) {
        const auto fraction = fraction_ms(scanner);
        if (!fraction) {
            return std::nullopt;
        }
        ms += *fraction;
    }
    return ms;
}

}  // namespace

std::int64_t system_now_ms() {
    return since_epoch<std::chrono::milliseconds, std::chrono::system_clock>();
}

std::int64_t monotonic_now_ms() {
    return since_epoch<std::chrono::milliseconds, std::chrono::steady_clock>();
}

std::int64_t monotonic_now_us() {
    return since_epoch<std::chrono::microseconds, std::chrono::steady_clock>();
}

std::string rfc3339(std::int64_t unix_ms) {
    constexpr std::int64_t kFirst = -62'135'596'800'000;  // 0001-01-01T00:00:00.000Z
    constexpr std::int64_t kLast = 253'402'300'799'999;   // 9999-12-31T23:59:59.999Z
    const std::chrono::milliseconds since(std::clamp(unix_ms, kFirst, kLast));
    const auto days = std::chrono::floor<std::chrono::days>(since);
    const std::chrono::year_month_day date{std::chrono::sys_days(days)};
    const std::int64_t ms = (since - days).count();
    return fmt::format(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()),
        ms / 3'600'000,
        ms / 60'000 % 60,
        ms / 1000 % 60,
        ms % 1000
    );
}

Result<std::int64_t> parse_rfc3339(std::string_view text) {
    Scanner scanner(text);
    const auto date = date_ms(scanner);
    const bool separator = date && (scanner.literal('T') || scanner.literal('t') || scanner.literal(' '));
    const auto time = separator ? time_of_day_ms(scanner) : std::nullopt;
    const auto offset = time ? offset_ms(scanner) : std::nullopt;
    if (!offset || !scanner.at_end()) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("'{}' is not a time of RFC 3339 such as 2026-11-20T10:12:16Z", text.substr(0, 64))
        };
    }
    return *date + *time - *offset;
}

}  // namespace capstan
