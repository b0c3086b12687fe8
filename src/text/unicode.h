#pragma once

// Characters: what a code point is (letter, number, white space, mark), normal forms and lower case.
//
// Text is UTF-8 (base/utf8.h). Bytes that are part of no well-formed character pass through everything here
// unchanged. Unicode 15.0, from utf8proc 2.8.

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

// Cost: constant. The end of the text gives {0, 0}, a broken byte {kBroken, 1}.
Character front_character(std::string_view text);

// The kinds that tokenizers tell apart.
enum class CharacterKind : std::uint8_t {
    kOther,   // Marks, punctuation, symbols, controls, unassigned, broken bytes.
    kLetter,  // \p{L}
    kNumber,  // \p{N}
    kSpace,   // The property White_Space, which is \s of Rust's and Ruby's regular expressions.
};

CharacterKind kind_of(std::uint32_t code_point);
bool is_mark(std::uint32_t code_point);             // \p{M}
bool is_nonspacing_mark(std::uint32_t code_point);  // \p{Mn}: accents, without marks that take room
bool is_decimal_digit(std::uint32_t code_point);    // \p{Nd}
bool is_punctuation(std::uint32_t code_point);      // \p{P}, and ASCII's own symbols
bool is_word(std::uint32_t code_point);             // \w as Unicode's UTS #18 has it

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
