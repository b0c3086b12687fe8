#pragma once

// GPT-2's alphabet of 256 printable characters, one a byte: how byte-level tokenizers write bytes in
// tokenizer.json. Bytes 33-126, 161-172 and 174-255 stand for themselves; the rest, in order, for U+0100 on.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace capstan::text {

// "Ġthe" for " the".
std::string to_byte_alphabet(std::string_view bytes);

// The inverse; nothing when a character is not of the alphabet.
std::optional<std::string> from_byte_alphabet(std::string_view text);

// The code point that stands for `byte`.
std::uint32_t byte_alphabet_character(std::uint8_t byte);

}  // namespace capstan::text
