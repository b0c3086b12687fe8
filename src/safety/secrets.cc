#include <algorithm>
#include <array>
#include <cmath>

#include <re2/re2.h>

#include "safety/recognisers.h"

namespace capstan::safety {
namespace {

constexpr std::size_t kPrivateKeyBytesMax = std::size_t{32} << 10;
constexpr std::size_t kTokenWindow = 1200;  // A JSON web token with a few claims fits.
constexpr std::size_t kKeyCharactersMin = 40;
constexpr std::size_t kValueMin = 16;
constexpr std::size_t kValueMax = 512;
constexpr double kEntropyBitsMin = 3.5;  // Per character: random base64 has about 5 in 40 characters.

struct TokenForm {
    std::string_view prefix;  // What the text must start with, for speed.
    const RE2* form;
    PiiType type;
};

std::string_view match_at_start(const RE2& form, std::string_view window) {
    re2::StringPiece found;
    if (!form.Match({window.data(), window.size()}, 0, window.size(), RE2::ANCHOR_START, &found, 1)) {
        return {};
    }
    return {found.data(), found.size()};
}

// Shannon's, of the characters' frequencies.
double entropy_bits(std::string_view text) {
    std::array<int, 256> counts{};
    for (const char c : text) {
        counts[static_cast<unsigned char>(c)] += 1;
    }
    double bits = 0.0;
    for (const int count : counts) {
        if (count > 0) {
            const double share = count / static_cast<double>(text.size());
            bits -= share * std::log2(share);
        }
    }
    return bits;
}

bool looks_random(std::string_view text) {
    const bool has_digit = std::ranges::any_of(text, is_digit);
    const bool has_letter = std::ranges::any_of(text, [](char c) { return is_word(c) && !is_digit(c); });
    return has_digit && has_letter && entropy_bits(text) >= kEntropyBitsMin;
}

bool is_example(std::string_view token) {
    return token.find("EXAMPLE") != std::string_view::npos ||
           token.find("example") != std::string_view::npos || token.find("xxxx") != std::string_view::npos ||
           token.find("XXXX") != std::string_view::npos;
}

std::array<TokenForm, 9> token_forms() {
    static const RE2 kAws("(?:AKIA|ASIA)[A-Z2-7]{16}");
    static const RE2 kGithub("gh[pousr]_[A-Za-z0-9]{36,251}");
    static const RE2 kGithubFine("github_pat_[A-Za-z0-9_]{22,251}");
    static const RE2 kOpenAi("sk-[A-Za-z0-9_-]{20,200}");
    static const RE2 kStripe("[sr]k_(?:live|test)_[A-Za-z0-9]{16,200}");
    static const RE2 kSlack("xox[abeoprs]-[A-Za-z0-9-]{10,200}");
    static const RE2 kGoogle("AIza[A-Za-z0-9_-]{35}");
    static const RE2 kJwt(R"(eyJ[A-Za-z0-9_-]{10,400}\.eyJ[A-Za-z0-9_-]{2,400}\.[A-Za-z0-9_-]{16,400})");
    return {{
        {"A", &kAws, PiiType::kAwsKey},
        {"gh", &kGithub, PiiType::kGithubToken},
        {"github_pat_", &kGithubFine, PiiType::kGithubToken},
        {"sk-", &kOpenAi, PiiType::kSecret},
        {"sk_", &kStripe, PiiType::kSecret},
        {"rk_", &kStripe, PiiType::kSecret},
        {"xox", &kSlack, PiiType::kSecret},
        {"AIza", &kGoogle, PiiType::kSecret},
        {"eyJ", &kJwt, PiiType::kSecret},
    }};
}

bool is_value(char c) {
    return is_word(c) || std::string_view("~+/=.-").find(c) != std::string_view::npos;
}

// What stands between lines of base64, also within a string of a program.
bool is_gap(char c) {
    return std::string_view(" \t\r\n\\\",:").find(c) != std::string_view::npos;
}

// Up to `bytes_max` of the value that begins at `at` after a few spaces and a quote, when it is as long as
// keys are; or empty.
std::string_view value_behind(std::string_view text, std::size_t at, std::size_t bytes_max) {
    constexpr std::size_t kGapMax = 4;
    std::size_t begin = at;
    while (begin < text.size() && begin - at < kGapMax &&
           std::string_view(" \t\"'").find(text[begin]) != std::string_view::npos) {
        begin += 1;
    }
    std::size_t end = begin;
    while (end < text.size() && end - begin < bytes_max && is_value(text[end])) {
        end += 1;
    }
    return end - begin >= kValueMin ? text.substr(begin, end - begin) : std::string_view();
}

std::optional<PiiSpan> secret_span(std::string_view text, std::string_view value) {
    if (is_example(value) || !looks_random(value)) {
        return std::nullopt;
    }
    const auto begin = static_cast<std::size_t>(value.data() - text.data());
    return PiiSpan{.type = PiiType::kSecret, .begin = begin, .end = begin + value.size(), .score = 0.7};
}

}  // namespace

std::optional<PiiSpan> private_key_at(std::string_view text, std::size_t at) {
    static const RE2 kBegin("-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----");
    if (!text.substr(at).starts_with("-----BEGIN ")) {
        return std::nullopt;
    }
    const auto begin = match_at_start(kBegin, text.substr(at, 80));
    if (begin.empty()) {
        return std::nullopt;
    }
    // The base64 behind the header, and its footer when there is one; keys are often shown cut off.
    const std::string_view window = text.substr(at, kPrivateKeyBytesMax);
    std::size_t end = begin.size();
    std::size_t key_characters = 0;
    while (end < window.size() && (is_value(window[end]) || is_gap(window[end]))) {
        const bool is_footer = window.substr(end).starts_with("-----");
        if (is_footer) {
            break;
        }
        key_characters += is_value(window[end]) ? 1U : 0U;
        end += 1;
    }
    if (key_characters < kKeyCharactersMin) {
        return std::nullopt;  // A header that is only talked about.
    }
    if (window.substr(end).starts_with("-----END ")) {
        const std::size_t close = window.find("-----", end + 9);
        end = close == std::string_view::npos ? end + 9 : close + 5;
    }
    return PiiSpan{.type = PiiType::kPrivateKey, .begin = at, .end = at + end, .score = 1.0};
}

std::optional<PiiSpan> token_at(std::string_view text, std::size_t at) {
    static const auto kForms = token_forms();
    const std::string_view rest = text.substr(at, kTokenWindow);
    if (std::string_view("AgserxE").find(rest[0]) == std::string_view::npos) {
        return std::nullopt;
    }
    for (const auto& form : kForms) {
        if (!rest.starts_with(form.prefix)) {
            continue;
        }
        const auto token = match_at_start(*form.form, rest);
        const bool goes_on = token.size() < rest.size() && is_word(rest[token.size()]);
        if (!token.empty() && !goes_on && !is_example(token)) {
            return PiiSpan{.type = form.type, .begin = at, .end = at + token.size(), .score = 1.0};
        }
    }
    return std::nullopt;
}

std::optional<PiiSpan> assigned_at(std::string_view text, std::size_t at) {
    static const RE2 kName(
        R"((?i:api[_-]?key|secret|secret[_-]?key|access[_-]?key|auth[_-]?token|token|passwd|password)["']?[ \t]*$)"
    );
    constexpr std::size_t kNameBytesMax = 32;
    if (value_behind(text, at + 1, kValueMin).empty()) {
        return std::nullopt;
    }
    const std::size_t begin = at > kNameBytesMax ? at - kNameBytesMax : 0;
    if (!RE2::PartialMatch({text.data() + begin, at - begin}, kName)) {
        return std::nullopt;
    }
    return secret_span(text, value_behind(text, at + 1, kValueMax));
}

std::optional<PiiSpan> bearer_at(std::string_view text, std::size_t at) {
    constexpr std::string_view kBearer = "bearer";
    const std::string_view word = text.substr(at, kBearer.size());
    if (!std::ranges::equal(word, kBearer, {}, lower)) {
        return std::nullopt;
    }
    const auto value = value_behind(text, at + kBearer.size(), kValueMax);
    return value.empty() ? std::nullopt : secret_span(text, value);
}

}  // namespace capstan::safety
