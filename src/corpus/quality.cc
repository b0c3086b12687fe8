#include "corpus/quality.h"

#include <algorithm>
#include <bitset>
#include <vector>

#include "corpus/words.h"
#include "text/unicode.h"

namespace capstan::corpus {
namespace {

constexpr std::array<std::string_view, 8> kStopWords = {
    "the", "be", "to", "of", "and", "that", "have", "with"
};

struct Word {
    std::size_t characters = 0;
    bool has_non_punctuation = false;
    bool has_letter = false;
};

Word look_at(std::string_view characters) {
    Word word;
    while (!characters.empty()) {
        const text::Character next = text::front_character(characters);
        word.characters += 1;
        word.has_non_punctuation = word.has_non_punctuation || !is_punctuation(next.code_point);
        word.has_letter = word.has_letter || text::kind_of(next.code_point) == text::CharacterKind::kLetter;
        characters.remove_prefix(next.length);
    }
    return word;
}

std::size_t count_of(std::string_view text, std::string_view what) {
    std::size_t count = 0;
    for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at)) {
        count += 1;
        at += what.size();
    }
    return count;
}

struct WordCounts {
    std::size_t words = 0;
    std::size_t non_symbol_words = 0;
    std::size_t non_symbol_characters = 0;
    std::size_t alphabetic_words = 0;
    std::size_t stop_words = 0;  // Different ones.
};

WordCounts count_words(std::string_view text) {
    WordCounts counts;
    std::bitset<kStopWords.size()> seen;
    for (const auto word : split_at_white_space(text)) {
        const Word look = look_at(word);
        counts.words += 1;
        counts.non_symbol_words += look.has_non_punctuation ? 1U : 0U;
        counts.non_symbol_characters += look.has_non_punctuation ? look.characters : 0U;
        counts.alphabetic_words += look.has_letter ? 1U : 0U;
        if (const auto* found = std::ranges::find(kStopWords, word); found != kStopWords.end()) {
            seen.set(static_cast<std::size_t>(found - kStopWords.begin()));
        }
    }
    counts.stop_words = seen.count();
    return counts;
}

struct LineCounts {
    std::size_t lines = 0;
    std::size_t bullets = 0;
    std::size_t ellipses = 0;
};

LineCounts count_lines(std::string_view text) {
    LineCounts counts;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const std::string_view visible = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
        const std::string_view end = visible.substr(0, visible.find_last_not_of(" \t") + 1);
        counts.lines += 1;
        counts.bullets += visible.starts_with("•") || visible.starts_with("-") ? 1U : 0U;
        counts.ellipses += end.ends_with("...") || end.ends_with("…") ? 1U : 0U;
    }
    return counts;
}

double ratio(std::size_t part, std::size_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

QualityLimits gopher_limits() {
    return {};
}

QualityLimits manual_limits() {
    return {
        .words_min = 30,
        .words_max = 200'000,
        .word_length_min = 2.5,
        .word_length_max = 14.0,
        .hashes_per_word_max = 0.2,
        .ellipses_per_word_max = 0.2,
        .bullet_lines_max = 0.9,
        .ellipsis_lines_max = 0.3,
        .alphabetic_words_min = 0.6,
        .stop_words_min = 1,
        .repetition =
            {.duplicate_paragraphs_max = 0.4,
             .duplicate_paragraph_characters_max = 0.3,
             .duplicate_lines_max = 0.4,
             .duplicate_line_characters_max = 0.3,
             .top_ngram_max = {0.25, 0.25, 0.25},
             .duplicate_ngrams_max = {0.40, 0.38, 0.36, 0.34, 0.32, 0.30}},
    };
}

std::string_view gopher_fault(std::string_view text, const QualityLimits& limits) {
    const WordCounts words = count_words(text);
    if (words.non_symbol_words < limits.words_min) {
        return "gopher_short_doc";
    }
    if (words.non_symbol_words > limits.words_max) {
        return "gopher_long_doc";
    }
    const double word_length = ratio(words.non_symbol_characters, words.non_symbol_words);
    if (word_length < limits.word_length_min) {
        return "gopher_below_avg_threshold";
    }
    if (word_length > limits.word_length_max) {
        return "gopher_above_avg_threshold";
    }
    if (ratio(count_of(text, "#"), words.words) > limits.hashes_per_word_max) {
        return "gopher_too_many_hashes";
    }
    if (ratio(count_of(text, "...") + count_of(text, "…"), words.words) > limits.ellipses_per_word_max) {
        return "gopher_too_many_ellipsis";
    }
    const LineCounts lines = count_lines(text);
    if (ratio(lines.bullets, lines.lines) > limits.bullet_lines_max) {
        return "gopher_too_many_bullets";
    }
    if (ratio(lines.ellipses, lines.lines) > limits.ellipsis_lines_max) {
        return "gopher_too_many_end_ellipsis";
    }
    if (ratio(words.alphabetic_words, words.words) < limits.alphabetic_words_min) {
        return "gopher_below_alpha_threshold";
    }
    return words.stop_words < limits.stop_words_min ? "gopher_enough_stop_words" : "";
}

std::string_view quality_fault(std::string_view text, const QualityLimits& limits) {
    const auto fault = gopher_fault(text, limits);
    return fault.empty() ? repetition_fault(text, limits.repetition) : fault;
}

}  // namespace capstan::corpus
