#pragma once

// Characters: what a code point is (letter, number, white space, mark), normal forms and lower case.
//
// Text is UTF-8 (base/utf8.h). Bytes that are part of no well-formed character pass through everything here
// unchanged. Unicode 15.0, from utf8proc 2.8.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace capstan::text {

// The character at the front of a text.
struct Character {
    std::uint32_t code_point = 0;  // kBroken for a byte that is part of no character.
    std::uint32_t length = 0;      // In bytes; 0 only at the end of the text.
};

inline constexpr std::uint32_t kBroken = 0xFFFFFFFF;

Character front_character_beyond_ascii(std::string_view text);

// Cost: constant. The end of the text gives {0, 0}, a broken byte {kBroken, 1}.
inline Character front_character(std::string_view text) {
    if (!text.empty() && static_cast<signed char>(text.front()) >= 0) {
        return {static_cast<std::uint32_t>(text.front()), 1};
    }
    return front_character_beyond_ascii(text);
}

// The kinds that tokenizers tell apart.
enum class CharacterKind : std::uint8_t {
    kOther,   // Marks, punctuation, symbols, controls, unassigned, broken bytes.
    kLetter,  // \p{L}
    kNumber,  // \p{N}
    kSpace,   // The property White_Space, which is \s of Rust's and Ruby's regular expressions.
};

inline constexpr std::uint32_t kAsciiEnd = 0x80;

constexpr std::array<CharacterKind, kAsciiEnd> make_ascii_kinds() {
    std::array<CharacterKind, kAsciiEnd> kinds{};
    for (std::uint32_t c = 0; c < kAsciiEnd; ++c) {
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
            kinds[c] = CharacterKind::kLetter;
        } else if (c >= '0' && c <= '9') {
            kinds[c] = CharacterKind::kNumber;
        } else if (c == ' ' || (c >= 9 && c <= 13)) {
            kinds[c] = CharacterKind::kSpace;
        } else {
            kinds[c] = CharacterKind::kOther;
        }
    }
    return kinds;
}

inline constexpr std::array<CharacterKind, kAsciiEnd> kAsciiKinds = make_ascii_kinds();

CharacterKind kind_beyond_ascii(std::uint32_t code_point);

inline CharacterKind kind_of(std::uint32_t code_point) {
    return code_point < kAsciiEnd ? kAsciiKinds[code_point] : kind_beyond_ascii(code_point);
}

bool is_mark(std::uint32_t code_point);               // \p{M}
bool is_nonspacing_mark(std::uint32_t code_point);    // \p{Mn}: accents, without marks that take room
bool is_decimal_digit(std::uint32_t code_point);      // \p{Nd}
bool is_punctuation(std::uint32_t code_point);        // \p{P}, and ASCII's own symbols
bool is_control_or_format(std::uint32_t code_point);  // \p{Cc}, \p{Cf}, \p{Co}
bool is_word(std::uint32_t code_point);               // \w as Unicode's UTS #18 has it

// Bytes of the extended grapheme cluster (UAX #29) at the front of `text`, 0 when it is empty. A broken byte
// is one of its own. Cost: linear in the cluster.
std::size_t first_cluster_bytes(std::string_view text);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

std::string normalize(std::string_view text, NormalForm form);

// Each character by its full lower-case mapping without context, as in Rust's char::to_lowercase.
std::string lower_case(std::string_view text);

// Each character by its simple upper-case mapping, and "ß" to "SS".
std::string upper_case(std::string_view text);

// Without the characters of \p{M}.
std::string strip_marks(std::string_view text);

// U+FFFD in place of each broken part, by the rule of the Unicode Standard (section 3.9, maximal subparts)
// that Rust's and Python's decoders follow.
std::string repair_utf8(std::string_view text);

}  // namespace capstan::text
