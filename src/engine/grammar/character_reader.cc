#include "engine/grammar/character_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "engine/grammar/grammar.h"
#include "text/unicode.h"

namespace capstan::engine {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

CharacterSet one(std::uint32_t character) {
    return {{character, character}};
}

// The character of a set that has one.
std::optional<std::uint32_t> single(const CharacterSet& set) {
    const auto& ranges = set.ranges();
    const bool is_single = ranges.size() == 1 && ranges[0].first == ranges[0].last;
    return is_single ? std::optional(ranges[0].first) : std::nullopt;
}

}  // namespace

bool CharacterReader::take(char c) {
    if (at_end() || peek() != c) {
        return false;
    }
    ++at_;
    return true;
}

bool CharacterReader::take(std::string_view text) {
    if (!rest().starts_with(text)) {
        return false;
    }
    at_ += text.size();
    return true;
}

std::uint32_t CharacterReader::next() {
    const text::Character character = text::front_character(rest());
    at_ += character.length;
    return character.code_point;
}

Result<CharacterSet> CharacterReader::read_class() {
    const bool is_negated = take('^');
    if (!at_end() && peek() == ']') {
        return error("an empty class: write '\\]' for the bracket");
    }
    CharacterSet set;
    while (!take(']')) {
        auto item = read_class_item();
        if (!item) {
            return item;
        }
        const auto first = single(*item);
        const bool is_range = first && rest().starts_with('-') && !rest().starts_with("-]");
        if (!is_range) {
            set.add(*item);
            continue;
        }
        take('-');
        const auto end = read_class_item();
        if (!end) {
            return end;
        }
        const auto last = single(*end);
        if (!last || *last < *first) {
            return error("a range of a class must go from one character to one that is not before it");
        }
        set.add({*first, *last});
    }
    return is_negated ? set.complement() : set;
}

Result<CharacterSet> CharacterReader::read_class_item() {
    if (at_end()) {
        return error("a '[' without its ']'");
    }
    if (take('\\')) {
        return read_escape(Place::kInClass);
    }
    if (rest().starts_with("[:")) {
        return error("POSIX classes ('[:') are not supported: write '\\[' for the bracket");
    }
    const std::uint32_t character = next();
    if (character == kBroken) {
        return error("bytes that are not UTF-8");
    }
    return one(character);
}

Result<CharacterSet> CharacterReader::read_escape(Place place) {
    if (at_end()) {
        return error("a '\\' at the end");
    }
    constexpr std::string_view kNames = "tnrfv";
    constexpr std::string_view kControls = "\t\n\r\f\v";
    const std::uint32_t character = next();
    if (character >= 0x80) {
        return error("an escape of what is not ASCII");
    }
    const char c = static_cast<char>(character);
    if (const auto name = kNames.find(c); name != std::string_view::npos) {
        return one(static_cast<std::uint32_t>(kControls[name]));
    }
    switch (c) {
        case 'd':
            return CharacterSet::digits();
        case 'D':
            return CharacterSet::digits().complement();
        case 'w':
            return CharacterSet::words();
        case 'W':
            return CharacterSet::words().complement();
        case 's':
            return CharacterSet::spaces();
        case 'S':
            return CharacterSet::spaces().complement();
        case 'p':
        case 'P':
            return read_category(c == 'P');
        case 'x':
        case 'u':
        case 'U':
            return read_code_point(c);
        case '0':
            if (at_end() || !is_digit(peek())) {
                return one(0);
            }
            break;
        case 'b':
            if (place == Place::kInClass) {
                return one('\b');
            }
            break;
        default:
            break;
    }
    if (is_letter(c) || is_digit(c)) {
        return error(fmt::format("'\\{}' is not supported", c));
    }
    return one(character);
}

Result<CharacterSet> CharacterReader::read_category(bool is_negated) {
    std::string_view name = rest().substr(0, 1);
    if (take('{')) {
        name = rest().substr(0, rest().find('}'));
        at_ += name.size();
        if (!take('}')) {
            return error("a '\\p{' without its '}'");
        }
    } else {
        at_ += name.size();
    }
    const CharacterSet* category = CharacterSet::category(name);
    if (category == nullptr) {
        return error("only the Unicode categories L, N, Nd and M are supported");
    }
    return is_negated ? category->complement() : *category;
}

Result<CharacterSet> CharacterReader::read_code_point(char kind) {
    std::optional<std::uint32_t> value;
    if (kind != 'U' && take('{')) {
        const std::size_t digits = rest().find('}');
        value = digits >= 1 && digits <= 6 ? read_hex(digits) : std::nullopt;
        if (!take('}')) {
            value = std::nullopt;
        }
    } else {
        value = read_hex(kind == 'x' ? 2 : kind == 'u' ? 4 : 8);
    }
    if (!value || *value > kCharacterMax) {
        return error(fmt::format("'\\{}' needs the number of a character", kind));
    }
    return one(*value);
}

std::optional<std::uint32_t> CharacterReader::read_hex(std::size_t digits) {
    if (rest().size() < digits) {
        return std::nullopt;
    }
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        const char c = static_cast<char>(peek() | 0x20);
        if (!is_digit(peek()) && (c < 'a' || c > 'f')) {
            return std::nullopt;
        }
        value = value * 16 + static_cast<std::uint32_t>(is_digit(peek()) ? peek() - '0' : c - 'a' + 10);
        ++at_;
    }
    return value;
}

std::int64_t CharacterReader::read_number() {
    std::int64_t value = -1;
    while (!at_end() && is_digit(peek())) {
        value =
            std::min<std::int64_t>(std::max<std::int64_t>(value, 0) * 10 + (peek() - '0'), kRepeatsMax + 1);
        ++at_;
    }
    return value;
}

Result<std::optional<std::pair<std::int32_t, std::int32_t>>> CharacterReader::read_counts() {
    const std::size_t begin = at_;
    if (!take('{')) {
        return std::nullopt;
    }
    const std::int64_t min = read_number();
    const bool has_comma = take(',');
    const std::int64_t max = has_comma ? read_number() : min;
    if (!take('}') || (min < 0 && max < 0)) {
        at_ = begin;
        return error("'{' begins a repetition such as {2,5}: write '\\{' for the brace");
    }
    if (min < 0) {
        return error("a repetition needs its least number: write {0,…}");
    }
    if (min > kRepeatsMax || max > kRepeatsMax || (max >= 0 && max < min)) {
        return error(fmt::format("a repetition's numbers must rise and be at most {}", kRepeatsMax));
    }
    return std::pair(static_cast<std::int32_t>(min), static_cast<std::int32_t>(max));
}

Error CharacterReader::error(std::string_view what) const {
    return {ErrorCode::kInvalid, fmt::format("at byte {}: {}", at_, what)};
}

}  // namespace capstan::engine
