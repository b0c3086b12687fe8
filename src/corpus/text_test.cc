// Text as it is brought to one form: overstrike, normalisation, words.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/utf8.h"
#include "corpus/normalise.h"
#include "corpus/overstrike.h"
#include "corpus/words.h"

namespace capstan::corpus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(StripOverstrike, TakesBoldAndUnderlineAway) {
    EXPECT_EQ(strip_overstrike("N\bNA\bAM\bME\bE\n  _\bf_\bi_\bl_\be x"), "NAME\n  file x");
    EXPECT_EQ(strip_overstrike("_\b\xC3\xA4 \xC3\xA4\b\xC3\xA4"), "\xC3\xA4 \xC3\xA4");
    EXPECT_EQ(strip_overstrike("a\b_ _\b_"), "a _");
    EXPECT_EQ(strip_overstrike("_\ba\ba"), "a");
}

TEST(StripOverstrike, TakesEscapeSequencesAway) {
    EXPECT_EQ(strip_overstrike("\x1b[1mbold\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]8;;\a."), "bold link.");
    EXPECT_EQ(strip_overstrike("\x1b"), "");
    EXPECT_EQ(strip_overstrike("a\x1b[12"), "a");
}

TEST(StripOverstrike, NeverGoesBackOverALine) {
    EXPECT_EQ(strip_overstrike("\b\ba\n\bb"), "a\nb");
    EXPECT_EQ(strip_overstrike("a\b"), "a");
    EXPECT_EQ(strip_overstrike("a\b\nb"), "a\nb");
    EXPECT_EQ(strip_overstrike("\xFF\b\xFFx"), "\xFFx");
}

std::string normalised(std::string_view text, const NormaliseSettings& settings = {}) {
    return normalise(text, settings).value_or("(dropped)");
}

TEST(Normalise, BringsLinesToOneForm) {
    EXPECT_EQ(
        normalised("\n\n a \t\r\nb\rc\x0B"
                   "d  \n\n\n\n\ne\n \n"),
        " a\nb\nc\nd\n\ne\n"
    );
    EXPECT_EQ(normalised(" \n\t\n"), "");
    EXPECT_EQ(normalised(""), "");
}

TEST(Normalise, ExpandsTabsToTheirStops) {
    EXPECT_EQ(normalised("a\tb\n\tc"), "a       b\n        c\n");
    EXPECT_EQ(normalised("a\tb", {.tab_columns = 0}), "a\tb\n");
}

TEST(Normalise, ComposesAndRemovesWhatIsNotSeen) {
    EXPECT_EQ(normalised("e\xCC\x81 \xEF\xBB\xBFx\xE2\x80\x8By\x07z"), "\xC3\xA9 xyz\n");
    EXPECT_EQ(normalised("e\xE2\x80\x8B\xCC\x81"), "\xC3\xA9\n");
    EXPECT_EQ(
        normalised("a\xE2\x80\x90"
                   "b\xC2\xA0"
                   "c\xE2\x88\x92"
                   "1"),
        "a-b c-1\n"
    );
    EXPECT_EQ(
        normalised("\xD9\x85\xE2\x80\x8C\xDB\x8C"), "\xD9\x85\xE2\x80\x8C\xDB\x8C\n"
    );  // A joiner stays.
}

TEST(Normalise, RepairsOrDropsWhatIsNotUtf8) {
    const std::string text = "thirty bytes and a broken one: \xFF.";
    EXPECT_EQ(normalised(text), "thirty bytes and a broken one: \xEF\xBF\xBD.\n");
    EXPECT_EQ(normalised(text, {.invalid_utf8 = NormaliseSettings::InvalidUtf8::kDrop}), "(dropped)");
    EXPECT_EQ(normalised("\xFF\xFE\xFD ab"), "(dropped)");
}

TEST(Normalise, IsIdempotentOnAnyBytes) {
    std::string text;
    for (unsigned i = 0; i < 5000; ++i) {
        append_utf8(text, i * 2654435761U % 0x3100);
        text += i % 7 == 0 ? "\n" : "";
    }
    const std::string once = normalised(text, {.invalid_fraction_max = 1.0});
    EXPECT_EQ(normalised(once), once);
    EXPECT_TRUE(is_utf8(once));
}

// Expected values from datatrove's function, run under Python 3.
TEST(Simplify, AgreesWithDatatrove) {
    EXPECT_EQ(simplify("Hello,  World!"), "hello world");
    EXPECT_EQ(simplify("Version 1.2.3 costs 1,234.50 €"), "version 0 0 costs 0 0 €");
    EXPECT_EQ(simplify("ÀÉÎõü straße"), "aeiou straße");
    EXPECT_EQ(simplify("a\u00a0b\u2003c\u3000d"), "a b c d");
    EXPECT_EQ(simplify("„Zitat“ – “quote”… «x»"), "zitat quote x");
    EXPECT_EQ(simplify("٣٫٥ and 12"), "0 and 0");
    EXPECT_EQ(simplify("don't stop-me_now"), "don t stop me now");
    EXPECT_EQ(
        simplify("\x01"
                 "a\x7f"
                 "b\u009fc"),
        "a b c"
    );
    EXPECT_EQ(simplify("한국어 テスト"), "\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165 テスト");
    EXPECT_EQ(simplify("naïve café"), "naive cafe");
    EXPECT_EQ(simplify(" ... "), "");
}

TEST(Simplify, TakesAnyBytes) {
    EXPECT_EQ(simplify("a\xFF\xC3"), "a\uFFFD\uFFFD");
}

TEST(SplitAtWhiteSpace, KnowsUnicodeSpaces) {
    EXPECT_THAT(split_at_white_space(" a\tb\u2003c\n\nd"), ElementsAre("a", "b", "c", "d"));
    EXPECT_THAT(split_at_white_space(" \u3000\n"), IsEmpty());
}

TEST(ShingleHashes, HashesWordsJoinedBySpaces) {
    const std::string text = "the quick brown fox jumps over";
    const auto hashes = shingle_hashes(split_words(text), 5);
    ASSERT_EQ(hashes.size(), 2U);
    EXPECT_EQ(hashes[0], 7797000677988824208U);
    EXPECT_THAT(shingle_hashes(split_words("too few words"), 5), IsEmpty());
}

}  // namespace
}  // namespace capstan::corpus
