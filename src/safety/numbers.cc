#include <algorithm>
#include <array>
#include <string>

#include <re2/re2.h>

#include "safety/recognisers.h"

namespace capstan::safety {
namespace {

char char_at(std::string_view text, std::size_t at) {
    return at < text.size() ? text[at] : '\0';
}

std::string digits_of(std::string_view text) {
    std::string digits;
    std::ranges::copy_if(text, std::back_inserter(digits), is_digit);
    return digits;
}

// The match of `form` at the start of `window`, or empty.
std::string_view match_at_start(const RE2& form, std::string_view window) {
    re2::StringPiece found;
    if (!form.Match({window.data(), window.size()}, 0, window.size(), RE2::ANCHOR_START, &found, 1)) {
        return {};
    }
    return {found.data(), found.size()};
}

// Whether what ends at `end` goes on as a number or word: then it is a part of something else.
bool goes_on(std::string_view text, std::size_t end) {
    const char next = char_at(text, end);
    const bool joins = next == '-' || next == '.' || next == ':' || next == '/';
    return is_word(next) || (joins && is_digit(char_at(text, end + 1)));
}

bool comes_after_number(std::string_view text, std::size_t at) {
    if (at == 0) {
        return false;
    }
    const char before = text[at - 1];
    const bool joins = before == '-' || before == '.' || before == '/' || before == ':';
    return joins && at > 1 && is_digit(text[at - 2]);
}

// ISO/IEC 7812-1, annex B.
bool has_luhn_digit(std::string_view digits) {
    int sum = 0;
    bool is_doubled = false;
    for (std::size_t i = digits.size(); i-- > 0;) {
        int digit = digits[i] - '0';
        if (is_doubled) {
            digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        }
        sum += digit;
        is_doubled = !is_doubled;
    }
    return sum % 10 == 0;
}

// The ranges of the large card systems, with their lengths.
bool is_card_range(const std::string& digits) {
    const int two = std::stoi(digits.substr(0, 2));
    const int four = std::stoi(digits.substr(0, 4));
    const std::size_t size = digits.size();
    switch (digits[0]) {
        case '4':
            return size == 13 || size == 16 || size == 19;
        case '5':
            return two >= 51 && two <= 55 && size == 16;
        case '2':
            return four >= 2221 && four <= 2720 && size == 16;
        case '3':
            return (two == 34 || two == 37)                ? size == 15
                   : (two == 30 || two == 36 || two == 38) ? size == 14
                                                           : two == 35 && size == 16;
        case '6':
            return (four == 6011 || two == 65 || (four >= 6440 && four <= 6499) || two == 62) && size >= 16;
        default:
            return false;
    }
}

constexpr std::array<std::string_view, 12> kTestCards = {
    "4111111111111111",
    "4242424242424242",
    "4012888888881881",
    "4222222222222",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "3530111333300000",
};

struct IbanLength {
    std::string_view country;
    std::size_t characters;
};

// SWIFT's IBAN registry, release 98.
constexpr std::array<IbanLength, 88> kIbanLengths = {{
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
    {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24},
    {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
    {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
    {"GT", 28}, {"HN", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26},
    {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20},
    {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20},
    {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24},
    {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24},
    {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25},
    {"SV", 28}, {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20},
}};

// ISO 7064 mod 97-10, the first four characters moved to the end.
bool has_iban_digits(const std::string& iban) {
    int remainder = 0;
    for (const char c : iban.substr(4) + iban.substr(0, 4)) {
        remainder = is_digit(c) ? (remainder * 10 + (c - '0')) % 97 : (remainder * 100 + (c - 'A' + 10)) % 97;
    }
    return remainder == 1;
}

}  // namespace

std::optional<PiiSpan> phone_at(std::string_view text, std::size_t at) {
    static const RE2 kInternational(R"(\+[1-9][0-9]{0,2}(?:[ .-]?\([0-9]{1,4}\))?(?:[ .-]?[0-9]{1,4}){2,6})");
    static const RE2 kNorthAmerican(
        R"((?:1[ .-])?(?:\([2-9][0-9]{2}\)[ -]?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4})"
    );
    const std::string_view window = text.substr(at, 32);
    if (comes_after_number(text, at)) {
        return std::nullopt;
    }
    if (window.starts_with('+')) {
        const auto found = match_at_start(kInternational, window);
        const std::size_t digits = digits_of(found).size();
        // "+33554432" is a number with its sign; written in one piece, a phone's has ten digits at least.
        const std::size_t digits_min = digits + 1 == found.size() ? 10 : 8;
        const char before = at > 0 ? text[at - 1] : ' ';
        if (digits < digits_min || digits > 15 || before == '+' || is_word(before) ||
            goes_on(text, at + found.size())) {
            return std::nullopt;
        }
        return PiiSpan{.type = PiiType::kPhone, .begin = at, .end = at + found.size(), .score = 0.75};
    }
    const auto found = match_at_start(kNorthAmerican, window);
    if (found.empty() || goes_on(text, at + found.size())) {
        return std::nullopt;
    }
    const std::string digits = digits_of(found);
    if (std::string_view(digits).substr(digits.size() - 7).starts_with("55501")) {
        return std::nullopt;  // 555-0100 to 555-0199 are for fiction.
    }
    const bool is_marked = found.find('(') != std::string_view::npos || std::ranges::count(found, '-') >= 2 ||
                           has_context(text, at, {"phone", "tel", "call", "fax", "mobile"});
    return PiiSpan{
        .type = PiiType::kPhone, .begin = at, .end = at + found.size(), .score = is_marked ? 0.6 : 0.4
    };
}

std::optional<PiiSpan> credit_card_at(std::string_view text, std::size_t at) {
    std::string digits;
    std::size_t end = at;
    char separator = '\0';
    while (end < text.size() && digits.size() < 20) {
        const char c = text[end];
        const bool separates = (c == ' ' || c == '-') && is_digit(char_at(text, end + 1)) &&
                               (separator == '\0' || separator == c) && !digits.empty();
        if (is_digit(c)) {
            digits += c;
        } else if (separates) {
            separator = c;
        } else {
            break;
        }
        end += 1;
    }
    const bool is_known_test = std::ranges::find(kTestCards, digits) != kTestCards.end();
    if (digits.size() < 13 || digits.size() > 19 || comes_after_number(text, at) || goes_on(text, end) ||
        is_known_test || !is_card_range(digits) || !has_luhn_digit(digits)) {
        return std::nullopt;
    }
    return PiiSpan{.type = PiiType::kCreditCard, .begin = at, .end = end, .score = 1.0};
}

std::optional<PiiSpan> us_ssn_at(std::string_view text, std::size_t at) {
    static const RE2 kForm("[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3} [0-9]{2} [0-9]{4}");
    constexpr std::size_t kBytes = 11;
    const std::string_view number = text.substr(at, kBytes);
    if (!RE2::FullMatch({number.data(), number.size()}, kForm) || goes_on(text, at + kBytes) ||
        comes_after_number(text, at)) {
        return std::nullopt;
    }
    const std::string digits = digits_of(number);
    const std::string_view area = std::string_view(digits).substr(0, 3);
    const bool is_never_given = area == "000" || area == "666" || area[0] == '9' ||
                                digits.substr(3, 2) == "00" || digits.substr(5) == "0000" ||
                                digits.find_first_not_of(digits[0]) == std::string::npos;
    const bool is_example = digits == "123456789" || digits == "078051120" || digits == "219099999";
    if (is_never_given || is_example) {
        return std::nullopt;
    }
    const bool is_marked = number[3] == '-' || has_context(text, at, {"ssn", "social security"});
    return PiiSpan{.type = PiiType::kUsSsn, .begin = at, .end = at + kBytes, .score = is_marked ? 0.85 : 0.4};
}

std::optional<PiiSpan> iban_at(std::string_view text, std::size_t at) {
    if (!is_upper(text[at]) || !is_upper(char_at(text, at + 1)) || !is_digit(char_at(text, at + 2)) ||
        !is_digit(char_at(text, at + 3))) {
        return std::nullopt;
    }
    const auto* known = std::ranges::find(kIbanLengths, text.substr(at, 2), &IbanLength::country);
    if (known == kIbanLengths.end()) {
        return std::nullopt;
    }
    std::string iban;
    std::size_t end = at;
    while (end < text.size() && iban.size() < known->characters) {
        const char c = text[end];
        if (is_digit(c) || is_upper(c)) {
            iban += c;
        } else if (!(c == ' ' && iban.size() % 4 == 0)) {
            break;
        }
        end += 1;
    }
    if (iban.size() != known->characters || is_word(char_at(text, end)) || !has_iban_digits(iban)) {
        return std::nullopt;
    }
    return PiiSpan{.type = PiiType::kIban, .begin = at, .end = end, .score = 1.0};
}

}  // namespace capstan::safety
