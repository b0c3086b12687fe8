#include "safety/pii.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/check.h"
#include "safety/recognisers.h"

namespace capstan::safety {
namespace {

struct TypeNames {
    std::string_view name;
    std::string_view placeholder;
};

constexpr std::array<TypeNames, kPiiTypes> kNames = {{
    {"email", "<EMAIL>"},
    {"phone", "<PHONE>"},
    {"ip_address", "<IP_ADDRESS>"},
    {"mac_address", "<MAC_ADDRESS>"},
    {"credit_card", "<CREDIT_CARD>"},
    {"iban", "<IBAN>"},
    {"us_ssn", "<US_SSN>"},
    {"aws_key", "<AWS_KEY>"},
    {"github_token", "<GITHUB_TOKEN>"},
    {"private_key", "<PRIVATE_KEY>"},
    {"secret", "<SECRET>"},
}};

using Recogniser = std::optional<PiiSpan> (*)(std::string_view, std::size_t);

constexpr std::array<Recogniser, 6> kNumbers = {
    ipv6_at, mac_at, ipv4_at, credit_card_at, us_ssn_at, phone_at
};
constexpr std::array<Recogniser, 3> kLetters = {iban_at, token_at, bearer_at};
constexpr std::array<Recogniser, 2> kHexLetters = {ipv6_at, mac_at};
constexpr std::size_t kNumberWindow = 48;

bool is_hex_letter(char c) {
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Whether the bytes from `at` on could be any number that we know: most numbers in text are years and counts.
bool may_be_number(std::string_view window) {
    std::size_t digits = 0;
    std::size_t marks = 0;
    for (const char c : window) {
        if (is_digit(c)) {
            digits += 1;
        } else if (c == '.' || c == ':') {
            marks += 1;
        } else if (!(c == ' ' || c == '-' || c == '(' || c == ')' || c == '+' || is_hex_letter(c))) {
            break;
        }
        if (digits >= 8 || marks >= 2) {
            return true;
        }
    }
    return false;
}

// Whether the bytes at a word's start could begin an IPv6 or MAC address: up to four hexadecimal digits and a
// mark.
bool may_be_hex_address(std::string_view window) {
    for (const char c : window) {
        if (c == ':' || c == '-') {
            return true;
        }
        if (!is_digit(c) && !is_hex_letter(c)) {
            return false;
        }
    }
    return false;
}

class Finder {
public:
    Finder(std::string_view text, const PiiSettings& settings) : text_(text), settings_(settings) {}

    std::vector<PiiSpan> run() {
        char before = ' ';
        for (std::size_t i = 0; i < text_.size(); ++i) {
            const char c = text_[i];
            if (c == '@') {
                consider(email_at, i);
            } else if (c == '-' && before != '-') {
                consider(private_key_at, i);
            } else if (c == '=' || c == ':') {
                consider(assigned_at, i);
            } else if (!is_word(before)) {
                at_word_start(i, c);
            }
            before = c;
        }
        return without_overlaps();
    }

private:
    std::string_view text_;
    const PiiSettings& settings_;
    std::vector<PiiSpan> spans_;

    bool consider(Recogniser recogniser, std::size_t at) {
        const auto span = recogniser(text_, at);
        if (!span || !settings_.wants(span->type) || span->score < settings_.score_min) {
            return false;
        }
        CHECK(span->begin < span->end && span->end <= text_.size(), "a recogniser left its text");
        spans_.push_back(*span);
        return true;
    }

    template <std::size_t kCount>
    bool consider_first(const std::array<Recogniser, kCount>& recognisers, std::size_t at) {
        return std::ranges::any_of(recognisers, [&](Recogniser one) { return consider(one, at); });
    }

    void at_word_start(std::size_t i, char c) {
        if (is_digit(c) || c == '+' || c == '(') {
            if (may_be_number(text_.substr(i, kNumberWindow))) {
                consider_first(kNumbers, i);
            }
        } else if (is_word(c)) {
            if (!consider_first(kLetters, i) && is_hex_letter(c) && may_be_hex_address(text_.substr(i, 5))) {
                consider_first(kHexLetters, i);
            }
        }
    }

    // The longer one of two wins, then the surer one.
    std::vector<PiiSpan> without_overlaps() {
        std::ranges::sort(spans_, {}, [](const PiiSpan& span) { return std::pair(span.begin, span.type); });
        std::vector<PiiSpan> kept;
        for (const auto& span : spans_) {
            if (kept.empty() || span.begin >= kept.back().end) {
                kept.push_back(span);
                continue;
            }
            const auto rank = [](const PiiSpan& one) { return std::pair(one.end - one.begin, one.score); };
            if (rank(span) > rank(kept.back())) {
                kept.back() = span;
            }
        }
        return kept;
    }
};

}  // namespace

std::string_view name_of(PiiType type) {
    return kNames[static_cast<std::size_t>(type)].name;
}

std::string_view placeholder_of(PiiType type) {
    return kNames[static_cast<std::size_t>(type)].placeholder;
}

Result<PiiType> parse_pii_type(std::string_view name) {
    const auto* found = std::ranges::find(kNames, name, &TypeNames::name);
    if (found == kNames.end()) {
        std::string all;
        for (const auto& known : kNames) {
            all += (all.empty() ? "" : ", ") + std::string(known.name);
        }
        return Error{
            ErrorCode::kInvalid, "no personal data is called \"" + std::string(name) + "\"; known: " + all
        };
    }
    return static_cast<PiiType>(std::distance(kNames.begin(), found));
}

std::vector<PiiSpan> find_pii(std::string_view text, const PiiSettings& settings) {
    return Finder(text, settings).run();
}

MaskedText mask(std::string_view text, const std::vector<PiiSpan>& spans) {
    MaskedText masked;
    masked.text.reserve(text.size());
    std::size_t copied = 0;
    for (const auto& span : spans) {
        CHECK(span.begin >= copied && span.end <= text.size(), "spans overlap or leave the text");
        masked.text += text.substr(copied, span.begin - copied);
        masked.text += placeholder_of(span.type);
        masked.counts[static_cast<std::size_t>(span.type)] += 1;
        copied = span.end;
    }
    masked.text += text.substr(copied);
    return masked;
}

bool has_context(std::string_view text, std::size_t at, std::initializer_list<std::string_view> words) {
    constexpr std::size_t kContextBytes = 40;
    const std::size_t begin = at > kContextBytes ? at - kContextBytes : 0;
    std::string before(text.substr(begin, at - begin));
    std::ranges::transform(before, before.begin(), lower);
    return std::ranges::any_of(words, [&before](auto word) {
        return before.find(word) != std::string::npos;
    });
}

}  // namespace capstan::safety
