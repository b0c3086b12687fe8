#pragma once

// UTF-8 (RFC 3629), one character at a time. Everything else about text is in the room `text`.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace capstan {

// Bytes of the well-formed character at the front of `text`, 1 to 4; 0 when it is empty or not well-formed
// (overlong forms, surrogates and values above U+10FFFF are not).
std::size_t utf8_length(std::string_view text);

// Whether all of `text` is well-formed.
bool is_utf8(std::string_view text);

// `text` with U+FFFD in place of each byte that is part of no well-formed character.
std::string to_utf8(std::string_view text);

// Bytes at the end of `text` that could still become a character when more bytes follow: 0 to 3.
std::size_t utf8_incomplete_tail(std::string_view text);

// Appends the character as UTF-8. A value that is no character becomes U+FFFD.
void append_utf8(std::string& out, std::uint32_t code_point);

}  // namespace capstan
