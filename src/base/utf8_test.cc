#include "base/utf8.h"

#include <gtest/gtest.h>

namespace capstan {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

TEST(Utf8, MeasuresCharactersOfOneToFourBytes) {
    EXPECT_EQ(utf8_length(""), 0U);
    EXPECT_EQ(utf8_length("a"), 1U);
    EXPECT_EQ(utf8_length("é"), 2U);
    EXPECT_EQ(utf8_length("€"), 3U);
    EXPECT_EQ(utf8_length("😀x"), 4U);
    EXPECT_EQ(utf8_length(std::string_view("\0", 1)), 1U);
}

// The ill-formed sequences of the Unicode Standard, table 3-7 and its discussion.
TEST(Utf8, RefusesOverlongFormsSurrogatesAndValuesBeyondUnicode) {
    for (const char* text :
         {"\x80",
          "\xBF",
          "\xC0\x80",
          "\xC1\xBF",
          "\xE0\x80\x80",
          "\xE0\x9F\xBF",
          "\xED\xA0\x80",
          "\xED\xBF\xBF",
          "\xF0\x80\x80\x80",
          "\xF0\x8F\xBF\xBF",
          "\xF4\x90\x80\x80",
          "\xF5\x80\x80\x80",
          "\xFF",
          "\xC3",
          "\xE2\x82",
          "\xF0\x9F\x98"}) {
        EXPECT_EQ(utf8_length(text), 0U) << testing::PrintToString(text);
        EXPECT_FALSE(is_utf8(text));
    }
}

TEST(Utf8, TakesTheFirstAndLastCharacterOfEachLength) {
    for (const std::uint32_t code :
         {0x00U, 0x7FU, 0x80U, 0x7FFU, 0x800U, 0xD7FFU, 0xE000U, 0xFFFDU, 0xFFFFU, 0x10000U, 0x10FFFFU}) {
        std::string text;
        append_utf8(text, code);
        EXPECT_EQ(utf8_length(text), text.size()) << code;
        EXPECT_TRUE(is_utf8(text));
    }
}

TEST(Utf8, AppendsTheReplacementForWhatIsNoCharacter) {
    for (const std::uint32_t code : {0xD800U, 0xDFFFU, 0x110000U, 0xFFFFFFFFU}) {
        std::string text;
        append_utf8(text, code);
        EXPECT_EQ(text, kReplacement);
    }
}

TEST(Utf8, RepairsEachBrokenByteAndKeepsTheRest) {
    EXPECT_EQ(to_utf8("añ😀"), "añ😀");
    EXPECT_EQ(to_utf8("a\xFFz"), "a" + std::string(kReplacement) + "z");
    EXPECT_EQ(to_utf8("\xE2\x82"), std::string(kReplacement) + std::string(kReplacement));
    EXPECT_TRUE(is_utf8(to_utf8("\xF0\x9F\x98 \xC0\xAF")));
}

TEST(Utf8, KnowsAnUnfinishedCharacterAtTheEnd) {
    EXPECT_EQ(utf8_incomplete_tail(""), 0U);
    EXPECT_EQ(utf8_incomplete_tail("abc"), 0U);
    EXPECT_EQ(utf8_incomplete_tail("x€"), 0U);
    EXPECT_EQ(utf8_incomplete_tail("x\xE2"), 1U);
    EXPECT_EQ(utf8_incomplete_tail("x\xE2\x82"), 2U);
    EXPECT_EQ(utf8_incomplete_tail("x\xF0\x9F\x98"), 3U);
    EXPECT_EQ(utf8_incomplete_tail("x\xE0\x80"), 0U);          // Overlong: no byte can save it.
    EXPECT_EQ(utf8_incomplete_tail("x\x80\x80\x80\x80"), 0U);  // No lead at all.
    EXPECT_EQ(utf8_incomplete_tail("x\xFF"), 0U);
}

}  // namespace
}  // namespace capstan
