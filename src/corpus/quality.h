#pragma once

// Whether a text is worth learning from: the rules of Gopher (Rae et al. 2021, table A1 and section A.1.1) as
// datatrove applies them, with limits that can be moved. Manual pages are short and full of symbols, so their
// limits are wider.

#include <array>
#include <cstddef>
#include <string_view>

namespace capstan::corpus {

// Limits on how much of a text repeats. Shares are of its characters unless they say lines or paragraphs.
struct RepetitionLimits {
    double duplicate_paragraphs_max = 0.3;
    double duplicate_paragraph_characters_max = 0.2;
    double duplicate_lines_max = 0.3;
    double duplicate_line_characters_max = 0.2;
    std::array<double, 3> top_ngram_max = {0.20, 0.18, 0.16};                           // 2, 3, 4 words
    std::array<double, 6> duplicate_ngrams_max = {0.15, 0.14, 0.13, 0.12, 0.11, 0.10};  // 5 to 10 words
};

struct QualityLimits {
    std::size_t words_min = 50;
    std::size_t words_max = 100'000;
    double word_length_min = 3.0;  // Mean of words that are not only punctuation, in characters.
    double word_length_max = 10.0;
    double hashes_per_word_max = 0.1;
    double ellipses_per_word_max = 0.1;
    double bullet_lines_max = 0.9;
    double ellipsis_lines_max = 0.3;
    double alphabetic_words_min = 0.8;
    std::size_t stop_words_min = 2;  // Different ones of: the be to of and that have with.
    RepetitionLimits repetition;
};

QualityLimits gopher_limits();  // As published.
QualityLimits manual_limits();  // For manual pages and other reference texts.

// The first rule that `text` breaks, by datatrove's name for it ("gopher_short_doc", "top_2_gram"), or empty.
// `text` is normalised (line ends are "\n"). Thread-safe. Cost: n log n in its words.
std::string_view quality_fault(std::string_view text, const QualityLimits& limits);

// The two halves of quality_fault.
std::string_view gopher_fault(std::string_view text, const QualityLimits& limits);
std::string_view repetition_fault(std::string_view text, const RepetitionLimits& limits);

}  // namespace capstan::corpus
