#pragma once

// Sets of Unicode characters, and the UTF-8 of them.

#include <cstdint>
#include <string_view>
#include <vector>

namespace capstan::engine {

// From `first` to `last`, both in it.
struct CharacterRange {
    std::uint32_t first = 0;
    std::uint32_t last = 0;

    bool operator==(const CharacterRange&) const = default;
};

inline constexpr std::uint32_t kCharacterMax = 0x10FFFF;

// Ranges in order that neither touch nor overlap. Surrogates may lie in a range; they have no UTF-8.
class CharacterSet {
public:
    CharacterSet() = default;
    CharacterSet(std::initializer_list<CharacterRange> ranges);

    static CharacterSet all() { return {{0, kCharacterMax}}; }

    static CharacterSet digits() { return {{'0', '9'}}; }

    static CharacterSet words();   // A to Z, a to z, 0 to 9, and _ (ECMA-262's \w).
    static CharacterSet spaces();  // Unicode's White_Space, and U+FEFF (ECMA-262's \s).

    // Unicode's general categories L, N, Nd, P and M; nothing for other names.
    static const CharacterSet* category(std::string_view name);

    void add(CharacterRange range);  // Cost: linear in the ranges.
    void add(const CharacterSet& other);
    CharacterSet complement() const;
    CharacterSet without(const CharacterSet& other) const;
    bool contains(std::uint32_t character) const;

    bool empty() const { return ranges_.empty(); }

    const std::vector<CharacterRange>& ranges() const { return ranges_; }

    bool operator==(const CharacterSet&) const = default;

private:
    std::vector<CharacterRange> ranges_;
};

struct ByteSpan {
    std::uint8_t first = 0;
    std::uint8_t last = 0;
};

// The UTF-8 of a set, as sequences of one to four spans of bytes: a text is of the set when one of them has
// each of its bytes. (The splitting of Russ Cox's "Regular Expression Matching in the Wild", 2010.)
std::vector<std::vector<ByteSpan>> utf8_spans(const CharacterSet& set);

}  // namespace capstan::engine
