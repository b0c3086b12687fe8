#include "engine/grammar/character_set.h"

#include <algorithm>
#include <array>
#include <functional>

#include "base/utf8.h"
#include "text/unicode.h"

namespace capstan::engine {
namespace {

constexpr CharacterRange kSurrogates = {0xD800, 0xDFFF};

CharacterSet make_category(const std::function<bool(std::uint32_t)>& has) {
    CharacterSet set;
    std::vector<CharacterRange> ranges;
    for (std::uint32_t c = 0; c <= kCharacterMax; ++c) {
        if (!has(c)) {
            continue;
        }
        if (!ranges.empty() && ranges.back().last + 1 == c) {
            ranges.back().last = c;
        } else {
            ranges.push_back({c, c});
        }
    }
    for (const CharacterRange range : ranges) {
        set.add(range);
    }
    return set;
}

struct Encoded {
    std::array<std::uint8_t, 4> bytes{};
    std::size_t length = 0;
};

Encoded encode(std::uint32_t character) {
    std::string text;
    append_utf8(text, character);
    Encoded encoded = {.bytes = {}, .length = text.size()};
    std::ranges::copy(text, encoded.bytes.begin());
    return encoded;
}

// A range whose characters have one length in UTF-8 and no surrogates, split until every byte of it is a span
// of its own.
void split(CharacterRange range, std::vector<std::vector<ByteSpan>>& out) {
    for (std::uint32_t shift = 6; shift <= 18; shift += 6) {
        const std::uint32_t mask = (1U << shift) - 1;
        if ((range.first & ~mask) == (range.last & ~mask)) {
            continue;
        }
        if ((range.first & mask) != 0) {
            split({range.first, range.first | mask}, out);
            split({(range.first | mask) + 1, range.last}, out);
            return;
        }
        if ((range.last & mask) != mask) {
            split({range.first, (range.last & ~mask) - 1}, out);
            split({range.last & ~mask, range.last}, out);
            return;
        }
    }
    const Encoded first = encode(range.first);
    const Encoded last = encode(range.last);
    std::vector<ByteSpan> spans;
    for (std::size_t i = 0; i < first.length; ++i) {
        spans.push_back({first.bytes[i], last.bytes[i]});
    }
    out.push_back(std::move(spans));
}

}  // namespace

CharacterSet::CharacterSet(std::initializer_list<CharacterRange> ranges) {
    for (const CharacterRange range : ranges) {
        add(range);
    }
}

CharacterSet CharacterSet::words() {
    return {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
}

CharacterSet CharacterSet::spaces() {
    static const CharacterSet set = [] {
        auto made = make_category([](auto c) { return text::kind_of(c) == text::CharacterKind::kSpace; });
        made.add({0xFEFF, 0xFEFF});
        return made;
    }();
    return set;
}

const CharacterSet* CharacterSet::category(std::string_view name) {
    using text::CharacterKind;
    if (name == "L") {
        static const auto set =
            make_category([](auto c) { return text::kind_of(c) == CharacterKind::kLetter; });
        return &set;
    }
    if (name == "N") {
        static const auto set =
            make_category([](auto c) { return text::kind_of(c) == CharacterKind::kNumber; });
        return &set;
    }
    if (name == "Nd") {
        static const auto set = make_category(text::is_decimal_digit);
        return &set;
    }
    if (name == "M") {
        static const auto set = make_category(text::is_mark);
        return &set;
    }
    return nullptr;
}

void CharacterSet::add(CharacterRange range) {
    auto begin = std::ranges::find_if(ranges_, [&](const CharacterRange& r) {
        return std::uint64_t{r.last} + 1 >= range.first;
    });
    auto end = begin;
    while (end != ranges_.end() && end->first <= std::uint64_t{range.last} + 1) {
        range.first = std::min(range.first, end->first);
        range.last = std::max(range.last, end->last);
        ++end;
    }
    ranges_.insert(ranges_.erase(begin, end), range);
}

void CharacterSet::add(const CharacterSet& other) {
    for (const CharacterRange range : other.ranges_) {
        add(range);
    }
}

CharacterSet CharacterSet::complement() const {
    CharacterSet result;
    std::uint32_t next = 0;
    for (const CharacterRange range : ranges_) {
        if (range.first > next) {
            result.ranges_.push_back({next, range.first - 1});
        }
        next = range.last + 1;
    }
    if (next <= kCharacterMax) {
        result.ranges_.push_back({next, kCharacterMax});
    }
    return result;
}

CharacterSet CharacterSet::without(const CharacterSet& other) const {
    CharacterSet outside = complement();
    outside.add(other);
    return outside.complement();
}

bool CharacterSet::contains(std::uint32_t character) const {
    return std::ranges::any_of(ranges_, [=](const CharacterRange& r) {
        return r.first <= character && character <= r.last;
    });
}

std::vector<std::vector<ByteSpan>> utf8_spans(const CharacterSet& set) {
    std::vector<std::vector<ByteSpan>> spans;
    constexpr std::array<CharacterRange, 4> kLengths = {
        {{0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xFFFF}, {0x10000, kCharacterMax}}
    };
    for (const CharacterRange range : set.without({kSurrogates}).ranges()) {
        for (const CharacterRange length : kLengths) {
            const CharacterRange part = {
                std::max(range.first, length.first), std::min(range.last, length.last)
            };
            if (part.first <= part.last) {
                split(part, spans);
            }
        }
    }
    return spans;
}

}  // namespace capstan::engine
