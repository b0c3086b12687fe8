#include "text/jinja_characters.h"

#include <algorithm>
#include <limits>

namespace capstan::text::jinja {
namespace {

bool is_in(std::string_view character, std::string_view set) {
    if (set.empty()) {
        const std::uint32_t c = front_character(character).code_point;
        return kind_of(c) == CharacterKind::kSpace || (c >= 0x1C && c <= 0x1F);
    }
    for (const std::string_view other : Characters(set)) {
        if (other == character) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::size_t count_characters(std::string_view text) {
    std::size_t count = 0;
    for ([[maybe_unused]] const std::string_view character : Characters(text)) {
        count += 1;
    }
    return count;
}

std::vector<std::size_t> slice_positions(std::size_t length, SliceBounds bounds) {
    const auto size = static_cast<std::int64_t>(length);
    const bool forward = bounds.step > 0;
    const auto clamp = [&](std::int64_t position) {
        position += position < 0 ? size : 0;
        return forward ? std::clamp<std::int64_t>(position, 0, size)
                       : std::clamp<std::int64_t>(position, -1, size - 1);
    };
    const std::int64_t start = bounds.start ? clamp(*bounds.start) : forward ? 0 : size - 1;
    const std::int64_t stop = bounds.stop ? clamp(*bounds.stop) : forward ? size : -1;
    std::vector<std::size_t> positions;
    const std::int64_t step = std::clamp<std::int64_t>(bounds.step, -size - 1, size + 1);
    for (std::int64_t at = start; forward ? at < stop : at > stop; at += step) {
        positions.push_back(static_cast<std::size_t>(at));
    }
    return positions;
}

std::string_view strip(std::string_view text, std::string_view set, bool left, bool right) {
    std::size_t begin = text.size();
    std::size_t end = 0;
    std::size_t at = 0;
    for (const std::string_view character : Characters(text)) {
        if (!is_in(character, set)) {
            begin = std::min(begin, at);
            end = at + character.size();
        }
        at += character.size();
    }
    if (end == 0) {
        return left || right ? std::string_view() : text;
    }
    begin = left ? begin : 0;
    end = right ? end : text.size();
    return text.substr(begin, end - begin);
}

std::string upper(std::string_view text) {
    return upper_case(text);
}

std::string lower(std::string_view text) {
    return lower_case(text);
}

std::string capitalize(std::string_view text) {
    const std::size_t first = front_character(text).length;
    return upper(text.substr(0, first)) + lower(text.substr(first));
}

std::string title(std::string_view text) {
    std::string out;
    bool in_word = false;
    for (const std::string_view character : Characters(text)) {
        out += in_word ? lower(character) : upper(character);
        in_word = kind_of(front_character(character).code_point) == CharacterKind::kLetter;
    }
    return out;
}

std::vector<std::string_view> split_lines(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = text.find_first_of("\r\n");
        lines.push_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            break;
        }
        text.remove_prefix(end + (text.substr(end).starts_with("\r\n") ? 2 : 1));
    }
    return lines;
}

}  // namespace capstan::text::jinja
