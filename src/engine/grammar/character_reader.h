#pragma once

// Reads patterns and grammars a character at a time: what regular expressions and EBNF have in common.

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "engine/grammar/character_set.h"

namespace capstan::engine {

class CharacterReader {
public:
    explicit CharacterReader(std::string_view text) : text_(text) {}

    static constexpr std::uint32_t kBroken = 0xFFFFFFFF;  // A byte that is part of no character.

    enum class Place { kOutsideClass, kInClass };

    bool at_end() const { return at_ == text_.size(); }

    char peek() const { return text_[at_]; }  // Not at the end.

    std::string_view rest() const { return text_.substr(at_); }

    bool take(char c);
    bool take(std::string_view text);
    std::uint32_t next();  // Not at the end.

    // Behind a "[", up to and with its "]".
    Result<CharacterSet> read_class();
    // Behind a "\".
    Result<CharacterSet> read_escape(Place place);
    // "{m}", "{m,}" and "{m,n}" when they come next; a max of -1 is none.
    Result<std::optional<std::pair<std::int32_t, std::int32_t>>> read_counts();

    // kInvalid, with the place.
    Error error(std::string_view what) const;

private:
    std::optional<std::uint32_t> read_hex(std::size_t digits);
    Result<CharacterSet> read_code_point(char kind);
    Result<CharacterSet> read_category(bool is_negated);
    Result<CharacterSet> read_class_item();
    std::int64_t read_number();  // -1 when none comes; stops growing over kRepeatsMax.

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace capstan::engine
