#pragma once

// A text as a row of characters, as Python sees it: counting, indexing and slicing by code point.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/unicode.h"

namespace capstan::text::jinja {

// For range-for: each character as its bytes.
class Characters {
public:
    explicit Characters(std::string_view text) : text_(text) {}

    class Iterator {
    public:
        explicit Iterator(std::string_view rest) : rest_(rest) {}

        std::string_view operator*() const { return rest_.substr(0, front_character(rest_).length); }

        Iterator& operator++() {
            rest_.remove_prefix(front_character(rest_).length);
            return *this;
        }

        bool operator!=(const Iterator& other) const { return rest_.size() != other.rest_.size(); }

    private:
        std::string_view rest_;
    };

    Iterator begin() const { return Iterator(text_); }

    Iterator end() const { return Iterator({}); }

private:
    std::string_view text_;
};

std::size_t count_characters(std::string_view text);

// The positions that Python's [start:stop:step] takes from `length` items, in order. `step` is not 0.
struct SliceBounds {
    std::optional<std::int64_t> start;
    std::optional<std::int64_t> stop;
    std::int64_t step = 1;
};

std::vector<std::size_t> slice_positions(std::size_t length, SliceBounds bounds);

// Python's str.strip: without the characters of `set` (white space when empty) at the chosen ends.
std::string_view strip(std::string_view text, std::string_view set, bool left, bool right);

// Python's upper(), capitalize() and title(), by simple mappings but for ß.
std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
std::string title(std::string_view text);

// Python's splitlines(), for "\n", "\r" and "\r\n".
std::vector<std::string_view> split_lines(std::string_view text);

}  // namespace capstan::text::jinja
