#include "metrics/words.h"

#include "text/unicode.h"

namespace capstan::metrics {
namespace {

// Python's str.isspace().
bool is_space(std::uint32_t c) {
    return (c >= 0x1C && c <= 0x1F) || text::kind_of(c) == text::CharacterKind::kSpace;
}

}  // namespace

std::vector<std::string_view> split_words(std::string_view given) {
    std::vector<std::string_view> words;
    std::size_t begin = 0;
    std::size_t at = 0;
    while (at < given.size()) {
        const text::Character next = text::front_character(given.substr(at));
        if (is_space(next.code_point)) {
            if (at > begin) {
                words.push_back(given.substr(begin, at - begin));
            }
            begin = at + next.length;
        }
        at += next.length;
    }
    if (begin < given.size()) {
        words.push_back(given.substr(begin));
    }
    return words;
}

std::string_view without_trailing_space(std::string_view given) {
    const auto words = split_words(given);
    if (words.empty()) {
        return {};
    }
    const std::string_view last = words.back();
    return given.substr(0, static_cast<std::size_t>(last.data() + last.size() - given.data()));
}

std::vector<std::string_view> characters_of(std::string_view given) {
    std::vector<std::string_view> characters;
    characters.reserve(given.size());
    while (!given.empty()) {
        characters.push_back(given.substr(0, text::front_character(given).length));
        given.remove_prefix(characters.back().size());
    }
    return characters;
}

}  // namespace capstan::metrics
