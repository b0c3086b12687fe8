// Each hand-written lexer against PCRE2 with its expression, on random text.

#include "text/word_lexer.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace capstan::text {
namespace {

std::vector<std::string> words_of(WordPattern pattern, std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::size_t length = first_word_bytes(pattern, text);
        EXPECT_GT(length, 0U);
        words.emplace_back(text.substr(0, length));
        text.remove_prefix(length);
    }
    return words;
}

std::vector<std::string> matches_of(const Regex& regex, std::string_view text) {
    std::vector<std::string> words;
    for (const RegexMatch& match : regex.matches(text)) {
        words.emplace_back(text.substr(match.begin, match.end - match.begin));
    }
    return words;
}

// Characters about which Debian's PCRE2 (Unicode 14) and utf8proc (Unicode 15) agree.
class AgreedCharacters {
public:
    AgreedCharacters()
        : letter_(*Regex::compile(R"(\p{L})")),
          number_(*Regex::compile(R"(\p{N})")),
          space_(*Regex::compile(R"(\s)")) {}

    bool operator()(std::uint32_t c) const {
        if (c >= 0xD800 && c < 0xE000) {
            return false;
        }
        std::string text;
        append_utf8(text, c);
        const CharacterKind kind = kind_of(c);
        return (kind == CharacterKind::kLetter) == !letter_.matches(text).empty() &&
               (kind == CharacterKind::kNumber) == !number_.matches(text).empty() &&
               (kind == CharacterKind::kSpace) == !space_.matches(text).empty();
    }

private:
    Regex letter_;
    Regex number_;
    Regex space_;
};

std::string random_text(std::mt19937& random, const AgreedCharacters& agreed) {
    constexpr std::string_view kFrequent = "  \n\r\t'''sStTreRElLvVdDmM019aZ.,-!/";
    std::string text;
    const std::size_t length = random() % 40;
    for (std::size_t i = 0; i < length; ++i) {
        const auto kind = random() % 8;
        std::uint32_t c = static_cast<unsigned char>(kFrequent[random() % kFrequent.size()]);
        if (kind == 0) {
            c = static_cast<std::uint32_t>(random() % 0x3100);
        } else if (kind == 1) {
            c = static_cast<std::uint32_t>(random() % 0x110000);
        } else if (kind == 2) {
            c = std::vector<std::uint32_t>{
                0x17F, 0x85, 0xA0, 0x180E, 0x2028, 0x3000, 0x301, 0x1F600
            }[random() % 8];
        }
        if (agreed(c)) {
            append_utf8(text, c);
        }
    }
    return text;
}

class WordLexer : public testing::TestWithParam<WordPattern> {};

TEST_P(WordLexer, CutsRandomTextAsItsExpressionDoes) {
    const auto regex = Regex::compile(expression_of(GetParam()));
    ASSERT_TRUE(regex) << regex.error().message;
    const AgreedCharacters agreed;
    std::mt19937 random(7);
    for (int i = 0; i < 3'000; ++i) {
        const std::string text = random_text(random, agreed);
        ASSERT_EQ(words_of(GetParam(), text), matches_of(*regex, text)) << text;
    }
}

TEST_P(WordLexer, TakesAnyBytes) {
    std::mt19937 random(8);
    for (int i = 0; i < 2'000; ++i) {
        std::string bytes;
        for (std::size_t length = random() % 20; bytes.size() < length;) {
            bytes += static_cast<char>(random());
        }
        std::string joined;
        for (const std::string& word : words_of(GetParam(), bytes)) {
            joined += word;
        }
        ASSERT_EQ(joined, bytes);
    }
}

TEST_P(WordLexer, IsKnownByItsExpression) {
    EXPECT_EQ(known_pattern(expression_of(GetParam())), GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Patterns,
    WordLexer,
    testing::Values(WordPattern::kGpt2, WordPattern::kCl100k, WordPattern::kLlama3, WordPattern::kQwen2)
);

TEST(KnownPattern, OtherExpressionsAreNotKnown) {
    EXPECT_EQ(known_pattern(R"(\p{L}+)"), std::nullopt);
}

using Words = std::vector<std::string>;

TEST(WordLexer, LeavesOneSpaceForTheNextWord) {
    EXPECT_EQ(words_of(WordPattern::kGpt2, "a   b  "), (Words{"a", "  ", " b", "  "}));
    EXPECT_EQ(words_of(WordPattern::kGpt2, "it's 2024!"), (Words{"it", "'s", " 2024", "!"}));
}

TEST(WordLexer, LlamaCutsDigitsByThreeAndLineEnds) {
    EXPECT_EQ(words_of(WordPattern::kLlama3, "12345 x\n\n y"), (Words{"123", "45", " x", "\n\n", " y"}));
    EXPECT_EQ(words_of(WordPattern::kQwen2, "12 I'LL"), (Words{"1", "2", " I", "'LL"}));
    EXPECT_EQ(words_of(WordPattern::kCl100k, "x \n "), (Words{"x", " \n "}));
}

TEST(Regex, SpellsWhiteSpaceAndRepeatedIntervalsAsOniguruma) {
    const std::string mongolian = "a\u180Eb";
    EXPECT_TRUE(Regex::compile(R"(\s)")->matches(mongolian).empty());
    EXPECT_EQ(matches_of(*Regex::compile(R"(\S+)"), "a \u0085b"), (Words{"a", "b"}));
    EXPECT_EQ(matches_of(*Regex::compile(R"([^\s]+)"), "a\u3000b"), (Words{"a", "b"}));
    EXPECT_EQ(matches_of(*Regex::compile(R"(\d{1,3}+)"), "12345"), (Words{"12345"}));
    EXPECT_EQ(matches_of(*Regex::compile(R"((?:ab|c){2}+)"), "abcabc"), (Words{"abcabc"}));
}

TEST(Regex, RefusesWhatDoesNotCompileAndSaysWhere) {
    const auto bad = Regex::compile("a(b");
    ASSERT_FALSE(bad);
    EXPECT_NE(bad.error().message.find("a(b"), std::string::npos) << bad.error().message;
    EXPECT_EQ(Regex::compile(std::string(20'000, 'a')).error().code, ErrorCode::kTooLarge);
}

TEST(Regex, AHostileExpressionEndsEarly) {
    const auto regex = Regex::compile("(a+)+$");
    ASSERT_TRUE(regex);
    EXPECT_TRUE(regex->matches(std::string(5'000, 'a') + "b").empty());
}

TEST(Regex, EmptyMatchesAreNone) {
    EXPECT_EQ(matches_of(*Regex::compile("x*"), "axxb"), (Words{"xx"}));
}

}  // namespace
}  // namespace capstan::text
