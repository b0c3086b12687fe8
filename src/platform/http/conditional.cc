#include "platform/http/conditional.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "platform/http/message.h"

namespace capstan::http {
namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

// Cuts the text before the next `mark` off the front of `rest`.
std::string_view next_part(std::string_view& rest, char mark) {
    const std::size_t end = std::min(rest.find(mark), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return trimmed(part);
}

std::string_view without_weakness(std::string_view tag) {
    return tag.starts_with("W/") ? tag.substr(2) : tag;
}

std::optional<std::uint64_t> decimal(std::string_view text) {
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, value);
    return failure == std::errc() && stop == end && !text.empty() ? std::optional(value) : std::nullopt;
}

// Whether the parameters of an Accept-Encoding item say q=0.
bool is_refused(std::string_view parameters) {
    while (!parameters.empty()) {
        const std::string_view parameter = next_part(parameters, ';');
        if (parameter.starts_with("q=") || parameter.starts_with("Q=")) {
            return parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
        }
    }
    return false;
}

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

void append_two(std::string& out, int value, char end) {
    out += static_cast<char>('0' + value / 10);
    out += static_cast<char>('0' + value % 10);
    out += end;
}

}  // namespace

bool lists_tag(std::string_view if_none_match, std::string_view tag) {
    while (!if_none_match.empty()) {
        const std::string_view listed = next_part(if_none_match, ',');
        if (listed == "*" || without_weakness(listed) == without_weakness(tag)) {
            return true;
        }
    }
    return false;
}

std::string http_date(std::int64_t unix_s) {
    const std::time_t seconds = unix_s;
    std::tm time{};
    gmtime_r(&seconds, &time);
    std::string out(kDays[static_cast<std::size_t>(time.tm_wday)]);
    out += ", ";
    append_two(out, time.tm_mday, ' ');
    out += kMonths[static_cast<std::size_t>(time.tm_mon)];
    out += " " + std::to_string(1900 + time.tm_year) + " ";
    append_two(out, time.tm_hour, ':');
    append_two(out, time.tm_min, ':');
    append_two(out, time.tm_sec, ' ');
    return out + "GMT";
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
    constexpr std::size_t kLength = 29;  // Sun, 06 Nov 1994 08:49:37 GMT
    if (text.size() != kLength || !text.ends_with(" GMT")) {
        return std::nullopt;
    }
    const auto month = std::ranges::find(kMonths, text.substr(8, 3));
    const auto day = decimal(text.substr(5, 2));
    const auto year = decimal(text.substr(12, 4));
    const auto hour = decimal(text.substr(17, 2));
    const auto minute = decimal(text.substr(20, 2));
    const auto second = decimal(text.substr(23, 2));
    if (month == kMonths.end() || !day || !year || !hour || !minute || !second) {
        return std::nullopt;
    }
    std::tm time{};
    time.tm_year = static_cast<int>(*year) - 1900;
    time.tm_mon = static_cast<int>(month - kMonths.begin());
    time.tm_mday = static_cast<int>(*day);
    time.tm_hour = static_cast<int>(*hour);
    time.tm_min = static_cast<int>(*minute);
    time.tm_sec = static_cast<int>(*second);
    return timegm(&time);
}

RangeAnswer read_range(std::string_view range, std::uint64_t size, ByteRange& out) {
    constexpr std::string_view kUnit = "bytes=";
    if (!range.starts_with(kUnit) || range.contains(',')) {
        return RangeAnswer::kWhole;
    }
    range = trimmed(range.substr(kUnit.size()));
    const std::size_t dash = range.find('-');
    if (dash == std::string_view::npos) {
        return RangeAnswer::kWhole;
    }
    const auto first = decimal(range.substr(0, dash));
    const auto last = decimal(range.substr(dash + 1));
    if (dash == 0) {  // The last so many bytes.
        if (!last) {
            return RangeAnswer::kWhole;
        }
        const std::uint64_t bytes = std::min(*last, size);
        out = {.first = size - bytes, .bytes = bytes};
        return bytes == 0 ? RangeAnswer::kUnsatisfiable : RangeAnswer::kPart;
    }
    const bool is_open = dash + 1 == range.size();
    if (!first || (!last && !is_open) || (last && *last < *first)) {
        return RangeAnswer::kWhole;
    }
    if (*first >= size) {
        return RangeAnswer::kUnsatisfiable;
    }
    const std::uint64_t end = is_open || *last >= size ? size : *last + 1;
    out = {.first = *first, .bytes = end - *first};
    return RangeAnswer::kPart;
}

bool accepts_gzip(std::string_view accept_encoding) {
    while (!accept_encoding.empty()) {
        std::string_view item = next_part(accept_encoding, ',');
        const std::string_view name = next_part(item, ';');
        if (same_name(name, "gzip") || name == "*") {
            return !is_refused(item);
        }
    }
    return false;
}

bool is_compressible(std::string_view content_type) {
    const std::string_view type = content_type.substr(0, content_type.find(';'));
    return type.starts_with("text/") || type.ends_with("json") || type.ends_with("+xml") ||
           type == "application/javascript" || type == "application/wasm" || type == "application/xml" ||
           type == "application/yaml";
}

}  // namespace capstan::http
