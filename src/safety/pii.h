#pragma once

// Finds personal data and secrets in text, and masks them.
//
// Each recogniser looks at the few bytes around what may start its kind (an "@", a digit at a word's start)
// with a bounded pattern, and proves what can be proven: check digits, length tables, address registries.
// What documents reserve for examples is left alone: example.com, 192.0.2.0/24, 555-01xx, the well-known
// test cards; README.md lists it all. English and international formats; names and addresses are not found.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace capstan::safety {

enum class PiiType : std::uint8_t {
    kEmail,
    kPhone,
    kIpAddress,  // IPv4 and IPv6, only such as the internet routes.
    kMacAddress,
    kCreditCard,
    kIban,
    kUsSsn,
    kAwsKey,
    kGithubToken,
    kPrivateKey,  // A whole PEM block.
    kSecret,      // Other API keys and bearer tokens.
};

constexpr std::size_t kPiiTypes = 11;

std::string_view name_of(PiiType type);         // "email", "us_ssn"
std::string_view placeholder_of(PiiType type);  // "<EMAIL>", "<US_SSN>"
Result<PiiType> parse_pii_type(std::string_view name);

// Bytes [begin, end) of the text. `score` 0 to 1: 1 for what its check digits or form prove, less for a mere
// shape.
struct PiiSpan {
    PiiType type = PiiType::kEmail;
    std::size_t begin = 0;
    std::size_t end = 0;
    double score = 0.0;

    bool operator==(const PiiSpan&) const = default;
};

struct PiiSettings {
    std::uint32_t types = (1U << kPiiTypes) - 1;  // A bit for each type, 1 << type.
    double score_min = 0.5;

    bool wants(PiiType type) const { return ((types >> static_cast<unsigned>(type)) & 1U) != 0; }
};

// In the order of the text; spans do not overlap. Any bytes, UTF-8 or not. Thread-safe. Cost: linear.
std::vector<PiiSpan> find_pii(std::string_view text, const PiiSettings& settings = {});

struct MaskedText {
    std::string text;
    std::array<std::uint64_t, kPiiTypes> counts{};  // By type.
};

// Puts each span's placeholder in its place. `spans` are as find_pii() gives them.
MaskedText mask(std::string_view text, const std::vector<PiiSpan>& spans);

}  // namespace capstan::safety
