#include "text/byte_alphabet.h"

#include <array>

#include "base/utf8.h"
#include "text/unicode.h"

namespace capstan::text {
namespace {

constexpr std::uint32_t kAlphabetEnd = 0x144;  // The last is U+0143.

struct Alphabet {
    std::array<std::uint16_t, 256> characters{};
    std::array<std::int16_t, kAlphabetEnd> bytes{};
};

constexpr bool stands_for_itself(std::uint32_t byte) {
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

constexpr Alphabet make_alphabet() {
    Alphabet alphabet;
    alphabet.bytes.fill(-1);
    std::uint32_t next = 0x100;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        const std::uint32_t character = stands_for_itself(byte) ? byte : next++;
        alphabet.characters[byte] = static_cast<std::uint16_t>(character);
        alphabet.bytes[character] = static_cast<std::int16_t>(byte);
    }
    return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

std::string to_byte_alphabet(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const char byte : bytes) {
        append_utf8(out, byte_alphabet_character(static_cast<std::uint8_t>(byte)));
    }
    return out;
}

std::optional<std::string> from_byte_alphabet(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Character c = front_character(text);
        if (c.code_point >= kAlphabetEnd || kAlphabet.bytes[c.code_point] < 0) {
            return std::nullopt;
        }
        out += static_cast<char>(kAlphabet.bytes[c.code_point]);
        text.remove_prefix(c.length);
    }
    return out;
}

std::uint32_t byte_alphabet_character(std::uint8_t byte) {
    return kAlphabet.characters[byte];
}

}  // namespace capstan::text
