#include "corpus/quality.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace capstan::corpus {
namespace {

std::string words_from(std::size_t first, std::size_t count) {
    std::string text;
    for (std::size_t i = first; i < first + count; ++i) {
        std::string word = sha256_hex(std::to_string(i)).substr(0, 5);
        text += "a" + word + (i % 10 == 9 ? "\n" : " ");
    }
    return text;
}

const std::string kGood = "the dog and the cat have to be with us of that\n" + words_from(0, 200);

TEST(GopherFault, TakesOrdinaryText) {
    EXPECT_EQ(quality_fault(kGood, gopher_limits()), "");
    EXPECT_EQ(quality_fault(kGood, manual_limits()), "");
}

TEST(GopherFault, NamesTheFirstRuleThatIsBroken) {
    QualityLimits limits;
    EXPECT_EQ(gopher_fault("too short", limits), "gopher_short_doc");
    EXPECT_EQ(gopher_fault("", limits), "gopher_short_doc");
    limits.words_max = 100;
    EXPECT_EQ(gopher_fault(kGood, limits), "gopher_long_doc");
    limits = {};
    std::string letters = "the and ";
    std::string long_words = "the and ";
    std::string hashes = kGood;
    std::string dots = kGood;
    std::string symbols = kGood;
    for (int i = 0; i < 60; ++i) {
        letters += "a b ";
        long_words += "incomprehensibilities ";
        hashes += "# ";
        dots += "... ";
        symbols += "123 ";
    }
    EXPECT_EQ(gopher_fault(letters, limits), "gopher_below_avg_threshold");
    EXPECT_EQ(gopher_fault(long_words, limits), "gopher_above_avg_threshold");
    EXPECT_EQ(gopher_fault(hashes, limits), "gopher_too_many_hashes");
    EXPECT_EQ(gopher_fault(dots, limits), "gopher_too_many_ellipsis");
    EXPECT_EQ(gopher_fault(symbols, limits), "gopher_below_alpha_threshold");
    EXPECT_EQ(gopher_fault(words_from(0, 200), limits), "gopher_enough_stop_words");
}

TEST(GopherFault, CountsBulletsAndOpenLines) {
    std::string bullets;
    std::string open;
    for (std::size_t i = 0; i < 30; ++i) {
        bullets += "  - the words and " + words_from(i * 10, 9) + "\n";
        open += "the words and " + words_from(i * 10, 9) + "…\n";
    }
    EXPECT_EQ(gopher_fault(bullets, {}), "gopher_too_many_bullets");
    EXPECT_EQ(gopher_fault(open, {}), "gopher_too_many_end_ellipsis");
}

TEST(RepetitionFault, FindsRepeatedParagraphsAndLines) {
    const std::string paragraph = words_from(0, 40);
    EXPECT_EQ(
        repetition_fault(paragraph + "\n" + paragraph + "\n" + words_from(50, 40), {}), "dup_para_frac"
    );
    std::string lines;
    for (std::size_t i = 0; i < 20; ++i) {
        lines += i % 2 == 0 ? "the same line again and again\n" : words_from(i * 10, 10);
    }
    EXPECT_EQ(repetition_fault(lines, {}), "dup_line_frac");
    std::string long_line = words_from(0, 19) + "\n";
    std::string text = long_line + words_from(100, 40) + long_line + words_from(200, 40);
    RepetitionLimits limits;
    limits.duplicate_line_characters_max = 0.1;
    EXPECT_EQ(repetition_fault(text, limits), "dup_line_char_frac");
}

TEST(RepetitionFault, FindsTheMostFrequentNGram) {
    std::string text;
    for (std::size_t i = 0; i < 40; ++i) {
        text += "very often " + words_from(i, 1);
    }
    EXPECT_EQ(repetition_fault(text, {}), "top_2_gram");
}

TEST(RepetitionFault, FindsRepeatedNGramsAndGoesOnBehindThem) {
    const std::string phrase = words_from(0, 9) + "x ";
    const std::string text = phrase + words_from(100, 30) + phrase + words_from(200, 9);
    RepetitionLimits limits;
    limits.top_ngram_max = {1, 1, 1};
    // The second phrase is two 5-grams that stood before, one behind the other: 55 of 403 characters. Counted
    // at each word it would be six.
    limits.duplicate_ngrams_max.fill(0.125);
    EXPECT_EQ(repetition_fault(text, limits), "duplicated_5_n_grams");
    limits.duplicate_ngrams_max.fill(0.14);
    EXPECT_EQ(repetition_fault(text, limits), "");
}

TEST(RepetitionFault, TakesTextsWithoutWordsOrLines) {
    EXPECT_EQ(repetition_fault("", {}), "");
    EXPECT_EQ(repetition_fault("one", {}), "");
    EXPECT_EQ(repetition_fault("\n\n\n", {}), "dup_line_frac");  // Two empty lines, as Python splits it.
}

}  // namespace
}  // namespace capstan::corpus
