// Regular expressions and EBNF: what they take, against std::regex where it can tell, and what they refuse.

#include "engine/grammar/regular_expression.h"

#include <random>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "engine/grammar/automaton.h"
#include "engine/grammar/configurations.h"
#include "engine/grammar/ebnf.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

Result<Automaton> automaton_of(std::string_view pattern, RegexUse use = RegexUse::kWholeText) {
    GrammarBuilder builder;
    const RuleId root = builder.declare("root");
    const auto body = parse_regex(pattern, use, builder);
    if (!body) {
        return body.error();
    }
    builder.define(root, *body);
    const auto grammar = builder.finish(root);
    return grammar ? build_automaton(*grammar) : grammar.error();
}

bool takes(const Automaton& automaton, std::string_view text) {
    Configurations configurations(automaton, 8);
    ConfigurationId at = configurations.start();
    for (const char c : text) {
        at = configurations.step(at, static_cast<std::uint8_t>(c));
    }
    return configurations.accepts(at);
}

bool takes(std::string_view pattern, std::string_view text) {
    const auto automaton = automaton_of(pattern);
    CHECK(automaton, automaton.error().message);
    return takes(*automaton, text);
}

std::string refusal(std::string_view pattern) {
    const auto automaton = automaton_of(pattern);
    return automaton ? "" : automaton.error().message;
}

TEST(RegularExpression, TakesWhatStdRegexTakes) {
    const char* const patterns[] = {
        "a",       "",       "a|b",         "ab*c+d?",   "(ab|c)*",     "[a-c]x?",      "[^a-c]",
        "a{3}",    "a{2,}",  "(a|bc){1,3}", "a.c",       "(?:a|b)c",    "\\d+",         "\\w\\s\\W",
        "[\\d_]+", "\\.\\*", "a(|b)c",      "((a*)*b)*", "(a?b?){2,4}", "[a\\-c]",      "[-a]",
        "x{0}y",   "a+?b*?", "^ab$",        "(a|b)*abb", "[^\\s]",      "\\x61\\u0062", "a{2,40}b",
    };
    std::mt19937 random(3);
    constexpr std::string_view kAlphabet = "abcdxy1_ .*-";
    for (const char* const pattern : patterns) {
        const auto automaton = automaton_of(pattern);
        ASSERT_TRUE(automaton) << pattern << ": " << automaton.error().message;
        const std::regex expected(pattern);
        for (int i = 0; i < 1500; ++i) {
            std::string text;
            for (std::size_t length = random() % 8; length > 0; --length) {
                text += kAlphabet[random() % (i % 2 == 0 ? 4 : kAlphabet.size())];
            }
            const bool is_match = std::regex_match(text, expected);
            ASSERT_EQ(takes(*automaton, text), is_match) << pattern << " " << text;
        }
    }
}

TEST(RegularExpression, IsOverUnicode) {
    EXPECT_TRUE(takes(".", "日"));
    EXPECT_FALSE(takes(".", "\n"));
    EXPECT_TRUE(takes("[^a]{2}", "é€"));
    EXPECT_TRUE(takes("[α-ω]+", "λογος"));
    EXPECT_FALSE(takes("[α-ω]+", "x"));
    EXPECT_TRUE(takes("\\p{L}+\\p{Nd}", "Straße٣"));
    EXPECT_FALSE(takes("\\P{L}", "ß"));
    EXPECT_TRUE(takes("\\s", "\xE3\x80\x80"));  // U+3000
    EXPECT_TRUE(takes("\\u{1F600}\\u00e9", "😀é"));
    EXPECT_FALSE(takes(".", "\xED\xA0\x80"));  // A surrogate is no character.
    EXPECT_TRUE(takes("(?<year>\\d{4})-(?P<month>\\d\\d)", "2024-05"));
}

TEST(RegularExpression, CountsFar) {
    EXPECT_TRUE(takes("(ab){500,600}", [] {
        std::string text;
        for (int i = 0; i < 600; ++i) {
            text += "ab";
        }
        return text;
    }()));
    EXPECT_FALSE(takes("a{500,600}", std::string(499, 'a')));
    EXPECT_FALSE(takes("a{500,600}", std::string(601, 'a')));
    EXPECT_TRUE(takes("a{500,600}", std::string(555, 'a')));
    EXPECT_TRUE(takes("(a{2,3}b?){200,}", std::string(500, 'a')));
    EXPECT_FALSE(takes("(a{2,3}b?){200,}", std::string(399, 'a')));
}

TEST(RegularExpression, InJsonStringsMeansWhatTheStringSays) {
    const auto automaton = automaton_of("^a\"b\\\\$|^\\n.|[0-9]", RegexUse::kJsonString);
    ASSERT_TRUE(automaton);
    EXPECT_TRUE(takes(*automaton, R"(a\"b\\)"));
    EXPECT_FALSE(takes(*automaton, R"(a"b\\)"));
    EXPECT_TRUE(takes(*automaton, R"(\nx)"));
    EXPECT_TRUE(takes(*automaton, R"(\nx\t and more)"));  // No "$".
    EXPECT_TRUE(takes(*automaton, R"(\u0001seven: 7\"!)"));
    EXPECT_FALSE(takes(*automaton, R"(seven)"));
}

TEST(RegularExpression, WhatIsNotRegularIsRefusedByName) {
    const std::pair<const char*, const char*> cases[] = {
        {"(?=a)", "look-around"},
        {"(?!a)", "look-around"},
        {"(?<=a)", "look-around"},
        {"(?i)a", "flags"},
        {"(a)\\1", "'\\1'"},
        {"\\bword", "'\\b'"},
        {"a$b", "'$'"},
        {"a^", "'^'"},
        {"(^a)", "'^'"},
        {"(a$)", "'$'"},
        {"(", "'('"},
        {")", "')'"},
        {"[a", "'['"},
        {"[]", "empty class"},
        {"a{3,2}", "rise"},
        {"a{9999999}", "rise"},
        {"*a", "nothing before"},
        {"a**", "behind a quantifier"},
        {"a{x}", "'{'"},
        {"a{,3}", "least"},
        {"\\", "at the end"},
        {"\\cA", "'\\c'"},
        {"\\xZZ", "'\\x'"},
        {"\\p{Greek}", "categories"},
        {"[z-a]", "range"},
        {"[[:alpha:]]", "POSIX"},
        {"\xFF", "UTF-8"},
        {"[\\d-z]x{", "'{'"},
        {"[^\\s\\S]", "no text at all"},
    };
    for (const auto& [pattern, message] : cases) {
        EXPECT_THAT(refusal(pattern), HasSubstr(message)) << pattern;
    }
    EXPECT_THAT(refusal(std::string(300, '(') + std::string(300, ')')), HasSubstr("deep"));
    EXPECT_THAT(refusal(std::string(kRegexBytesMax + 1, 'a')), HasSubstr("at most"));
}

std::string ebnf_refusal(std::string_view text) {
    const auto grammar = parse_ebnf(text);
    return grammar ? "" : grammar.error().message;
}

bool ebnf_takes(std::string_view grammar, std::string_view text) {
    const auto parsed = parse_ebnf(grammar);
    CHECK(parsed, parsed.error().message);
    const auto automaton = build_automaton(*parsed);
    CHECK(automaton, automaton.error().message);
    return takes(*automaton, text);
}

TEST(Ebnf, ReadsGbnfAndTheSimplePartOfLark) {
    const std::string_view calculator = R"x(# An expression.
        root  ::= (expr "=" term "\n")+   // One a line.
        expr  ::= term ([-+*/] term)*
        term  ::= number | "(" expr ")"
        number ::= [0-9]{1,3})x";
    EXPECT_TRUE(ebnf_takes(calculator, "1+(22*3)=7\n4=4\n"));
    EXPECT_FALSE(ebnf_takes(calculator, "1+=7\n"));
    EXPECT_FALSE(ebnf_takes(calculator, "1234=1\n"));
    const std::string_view lark = R"(start: greeting "," NAME "!" ;
        greeting: 'hello' | "hi\t\x21"
        NAME: /[A-Z][a-z\/]+/)";
    EXPECT_TRUE(ebnf_takes(lark, "hello,Ada!"));
    EXPECT_TRUE(ebnf_takes(lark, "hi\t!,A/!"));
    EXPECT_FALSE(ebnf_takes(lark, "hello,ada!"));
}

TEST(Ebnf, NamesWhatIsWrong) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "'root'"},
        {R"(other ::= "a")", "'root'"},
        {R"(root ::= missing)", "rule 'missing' is used and nowhere defined"},
        {R"(root ::= "a"
            root ::= "b")",
         "defined twice"},
        {R"(root "a")", "'::='"},
        {R"(root ::= "a)", "without its end"},
        {R"(root ::= ("a")", "without its ')'"},
        {R"(root ::= [a)", "'['"},
        {R"(root ::= /a)", "without its end"},
        {R"(root ::= /(?=a)/)", "look-around"},
        {R"(root ::= "\d")", "literal"},
        {R"(root ::= "a"{5,2})", "rise"},
        {R"(%import common.WORD)", "begins with its name"},
        {R"(root ::= !a)", "begins here"},
    };
    for (const auto& [grammar, message] : cases) {
        EXPECT_THAT(ebnf_refusal(grammar), HasSubstr(message)) << grammar;
    }
    EXPECT_THAT(ebnf_refusal("root ::= " + std::string(300, '(')), HasSubstr("deep"));
}

}  // namespace
}  // namespace capstan::engine
