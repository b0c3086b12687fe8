#include "text/word_lexer.h"

#include <array>
#include <cstdint>
#include <utility>

#include "text/unicode.h"

namespace capstan::text {
namespace {

constexpr std::string_view kGpt2Expression =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kCl100kExpression =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)";
constexpr std::string_view kLlama3Expression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Expression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Other spellings seen in the wild that match the same.
constexpr auto kSpellings = std::to_array<std::pair<std::string_view, WordPattern>>({
    {kGpt2Expression, WordPattern::kGpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", WordPattern::kGpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s)", WordPattern::kGpt2
    },
    {kCl100kExpression, WordPattern::kCl100k},
    {kLlama3Expression, WordPattern::kLlama3},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
     WordPattern::kLlama3},
    {kQwen2Expression, WordPattern::kQwen2},
});

// The end of the text has length 0 and belongs to no kind.
struct Piece {
    std::uint32_t code_point;
    std::uint32_t length;
    CharacterKind kind;

    bool is(CharacterKind wanted) const { return length > 0 && kind == wanted; }

    bool is_line_end() const { return length > 0 && (code_point == '\r' || code_point == '\n'); }
};

Piece piece_at(std::string_view text, std::size_t offset) {
    const Character c = front_character(text.substr(offset));
    return {c.code_point, c.length, kind_of(c.code_point)};
}

// Offset behind the run of `kind` that starts at `offset`.
std::size_t end_of_run(std::string_view text, std::size_t offset, CharacterKind kind) {
    while (offset < text.size() && static_cast<unsigned char>(text[offset]) < kAsciiEnd) {
        if (kAsciiKinds[static_cast<unsigned char>(text[offset])] != kind) {
            return offset;
        }
        offset += 1;
    }
    for (Piece piece = piece_at(text, offset); piece.is(kind); piece = piece_at(text, offset)) {
        offset += piece.length;
    }
    return offset;
}

// U+017F folds to "s" when case is ignored.
char folded(std::uint32_t c) {
    constexpr std::uint32_t kLongS = 0x17F;
    if (c == kLongS) {
        return 's';
    }
    if (c >= 'A' && c <= 'Z') {
        return static_cast<char>(c - 'A' + 'a');
    }
    return c < 0x80 ? static_cast<char>(c) : '\0';
}

// Bytes of "'s", "'re" and so on at the front of `text`; 0 when there is none.
std::size_t contraction_bytes(std::string_view text, bool ignore_case) {
    const auto letter = [&](std::size_t offset) {
        const Piece piece = piece_at(text, offset);
        const bool plain = ignore_case || (piece.code_point >= 'a' && piece.code_point <= 'z');
        return std::pair(plain ? folded(piece.code_point) : '\0', piece.length);
    };
    const auto [first, first_length] = letter(1);
    switch (first) {
        case 's':
        case 't':
        case 'm':
        case 'd':
            return 1 + first_length;
        case 'r':
        case 'v':
        case 'l': {
            const auto [second, second_length] = letter(1 + first_length);
            const bool whole = second == (first == 'l' ? 'l' : 'e');
            return whole ? 1 + first_length + second_length : 0;
        }
        default:
            return 0;
    }
}

// `\s+(?!\S)|\s+` on a text that starts with white space: all of it at the end of the text, else all but the
// last character (which the next word may take), but at least one.
std::size_t space_bytes(std::string_view text) {
    std::size_t end = 0;
    std::size_t last = 0;
    for (Piece piece = piece_at(text, 0); piece.is(CharacterKind::kSpace); piece = piece_at(text, end)) {
        last = end;
        end += piece.length;
    }
    return end == text.size() || last == 0 ? end : last;
}

std::size_t first_word_of_gpt2(std::string_view text) {
    const Piece first = piece_at(text, 0);
    if (first.code_point == '\'') {
        if (const std::size_t bytes = contraction_bytes(text, false)) {
            return bytes;
        }
    }
    if (first.kind != CharacterKind::kSpace) {
        return end_of_run(text, first.length, first.kind);
    }
    const Piece second = piece_at(text, first.length);
    if (first.code_point == ' ' && second.length > 0 && second.kind != CharacterKind::kSpace) {
        return end_of_run(text, 1, second.kind);
    }
    return space_bytes(text);
}

struct Dialect {
    int digits_max;
    bool keeps_last_space;  // `\s++$` comes before the line ends.
};

// `\s*[\r\n]+` and what follows it.
std::size_t line_or_space_bytes(std::string_view text, const Dialect& dialect) {
    std::size_t end = 0;
    std::size_t after_line_end = 0;
    for (Piece piece = piece_at(text, 0); piece.is(CharacterKind::kSpace); piece = piece_at(text, end)) {
        end += piece.length;
        if (piece.is_line_end()) {
            after_line_end = end;
        }
    }
    if (dialect.keeps_last_space && end == text.size()) {
        return end;
    }
    return after_line_end > 0 ? after_line_end : space_bytes(text);
}

std::size_t number_bytes(std::string_view text, int digits_max) {
    std::size_t end = 0;
    for (int digits = 0; digits < digits_max; ++digits) {
        const Piece piece = piece_at(text, end);
        if (!piece.is(CharacterKind::kNumber)) {
            break;
        }
        end += piece.length;
    }
    return end;
}

std::size_t first_word_of_cl100k_family(std::string_view text, const Dialect& dialect) {
    const Piece first = piece_at(text, 0);
    if (first.code_point == '\'') {
        if (const std::size_t bytes = contraction_bytes(text, true)) {
            return bytes;
        }
    }
    if (first.is(CharacterKind::kLetter)) {
        return end_of_run(text, first.length, CharacterKind::kLetter);
    }
    if (first.is(CharacterKind::kNumber)) {
        return number_bytes(text, dialect.digits_max);
    }
    const Piece second = piece_at(text, first.length);
    if (!first.is_line_end() && second.is(CharacterKind::kLetter)) {
        return end_of_run(text, first.length, CharacterKind::kLetter);
    }
    if (first.is(CharacterKind::kOther) || (first.code_point == ' ' && second.is(CharacterKind::kOther))) {
        std::size_t end = end_of_run(text, first.length, CharacterKind::kOther);
        while (end < text.size() && (text[end] == '\r' || text[end] == '\n')) {
            end += 1;
        }
        return end;
    }
    return line_or_space_bytes(text, dialect);
}

}  // namespace

std::string_view expression_of(WordPattern pattern) {
    switch (pattern) {
        case WordPattern::kGpt2:
            return kGpt2Expression;
        case WordPattern::kCl100k:
            return kCl100kExpression;
        case WordPattern::kLlama3:
            return kLlama3Expression;
        case WordPattern::kQwen2:
            return kQwen2Expression;
    }
    return {};
}

std::optional<WordPattern> known_pattern(std::string_view expression) {
    for (const auto& [spelling, pattern] : kSpellings) {
        if (spelling == expression) {
            return pattern;
        }
    }
    return std::nullopt;
}

std::size_t first_word_bytes(WordPattern pattern, std::string_view text) {
    if (text.empty()) {
        return 0;
    }
    switch (pattern) {
        case WordPattern::kGpt2:
            return first_word_of_gpt2(text);
        case WordPattern::kCl100k:
            return first_word_of_cl100k_family(text, {.digits_max = 3, .keeps_last_space = true});
        case WordPattern::kLlama3:
            return first_word_of_cl100k_family(text, {.digits_max = 3, .keeps_last_space = false});
        case WordPattern::kQwen2:
            return first_word_of_cl100k_family(text, {.digits_max = 1, .keeps_last_space = false});
    }
    return text.size();
}

}  // namespace capstan::text
