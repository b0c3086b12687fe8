// Masks, token by token, against the slow definition of what a grammar matches.

#include "engine/grammar/compiled_grammar.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/utf8.h"
#include "engine/grammar/automaton.h"
#include "engine/grammar/configurations.h"
#include "engine/grammar/ebnf.h"
#include "engine/grammar/grammar_twin.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

constexpr llm::TokenId kEnd = 0;
constexpr llm::TokenId kSpecial = 1;

// Random texts of an alphabet, all of its bytes, an end token and a special one.
std::shared_ptr<const TokenTrie> random_trie(
    std::string_view alphabet, std::size_t count, std::mt19937& random
) {
    TokenBytes tokens = {.texts = {"", ""}, .end_tokens = {kEnd}};
    for (const char c : alphabet) {
        tokens.texts.emplace_back(1, c);
    }
    std::uniform_int_distribution<std::size_t> place(0, alphabet.size() - 1);
    std::uniform_int_distribution<std::size_t> length(1, 6);
    while (tokens.texts.size() < count) {
        std::string text;
        for (std::size_t i = length(random); i > 0; --i) {
            text += alphabet[place(random)];
        }
        tokens.texts.push_back(std::move(text));
    }
    return std::make_shared<const TokenTrie>(std::move(tokens));
}

std::string text_of_all(const TokenTrie& trie, const std::vector<llm::TokenId>& tokens) {
    std::string text;
    for (const auto token : tokens) {
        text += trie.text_of(token);
    }
    return text;
}

// The mask after `tokens` is what the twin says of each token.
void expect_mask_of_twin(
    const Grammar& grammar, const TokenTrie& trie, const std::string& text, TokenConstraint& constraint
) {
    const auto allowed = constraint.allowed();
    if (!allowed && allowed.error().code == ErrorCode::kTooLarge) {
        return;
    }
    const bool matches = GrammarTwin(grammar, text).matches();
    EXPECT_EQ(constraint.may_end(), matches) << text;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < trie.vocabulary(); ++i) {
        const auto token = static_cast<llm::TokenId>(i);
        const bool expected =
            token == kEnd ? matches
            : token == kSpecial
                ? false
                : GrammarTwin(grammar, text + std::string(trie.text_of(token))).is_beginning();
        ASSERT_EQ(allowed && (*allowed)->allows(token), expected)
            << "after '" << text << "', '" << trie.text_of(token) << "'";
        count += expected ? 1 : 0;
    }
    EXPECT_EQ(allowed.has_value(), count > 0);
    if (allowed) {
        EXPECT_EQ((*allowed)->count, count);
        EXPECT_EQ(std::ssize((*allowed)->tokens), (*allowed)->is_listed() ? count : 0);
    }
}

// A random way through the grammar, with the mask compared at each token.
void walk(const Grammar& grammar, const std::shared_ptr<const TokenTrie>& trie, std::mt19937& random) {
    const auto compiled = compile_grammar(grammar, trie);
    ASSERT_TRUE(compiled) << compiled.error().message;
    for (int round = 0; round < 2; ++round) {
        const auto constraint = (*compiled)->start();
        std::vector<llm::TokenId> tokens;
        for (int step = 0; step < 9; ++step) {
            expect_mask_of_twin(grammar, *trie, text_of_all(*trie, tokens), *constraint);
            if (testing::Test::HasFatalFailure()) {
                return;
            }
            if (constraint->must_end() || !constraint->allowed()) {
                break;
            }
            const TokenMask& mask = **constraint->allowed();
            const auto token = mask.tokens[random() % mask.tokens.size()];
            if (token == kEnd) {
                break;
            }
            ASSERT_TRUE(constraint->accept(token));
            tokens.push_back(token);
        }
    }
}

TEST(CompiledGrammar, MasksAreWhatTheDefinitionSays) {
    std::mt19937 random(1);
    const auto trie = random_trie("abc[]\",: \\x1\xC3\xA9\xE2\x82\xAC", 100, random);
    const char* const grammars[] = {
        R"(root ::= "abc")",
        R"(root ::= ("a" | "b")* "c")",
        R"(root ::= [a-c]{2,5})",
        R"(root ::= "[" (root ("," root)*)? "]" | "1")",
        R"(root ::= "\"" [^"\\]* "\"")",
        R"(root ::= "[" text ("," " "? text)* "]"
           text ::= "\"" ([^"\\] | "\\" ["\\])* "\"")",
        R"(root ::= text{3}
           text ::= "\"" [^"]{2,90} "\"")",
        R"(root ::= ([ab] | "bc" | "é"){40,200} "x")",
        R"(root ::= ("a"? "b"? "c"?){2,300} ":")",
        R"(root ::= "a" root "b" | "c")",
        R"(root ::= "a" root | "b"
           unused ::= "c" unused)",
        R"(root ::= item{1,2} ":"
           item ::= ("a" [^c]{20,30}){1,50} "c")",
        R"(root ::= "€"* | "é" .)",
        R"(root ::= /(a|b[^b]{3})+\d?[\s,]/)",
        R"(start: "a"? (("b")? "c")* )",
        R"(root ::= a | b
           a ::= [ab]* "c" b "x"
           b ::= [ab]* "c" [abc]* ":" a?)",
        R"(root ::= "a" empty "b" empty*
           empty ::= "" | "c" empty)",
    };
    for (std::string_view text : grammars) {
        SCOPED_TRACE(text);
        const auto grammar = parse_ebnf(text);
        ASSERT_TRUE(grammar) << grammar.error().message;
        walk(*grammar, trie, random);
        if (HasFatalFailure()) {
            return;
        }
    }
}

TEST(CompiledGrammar, TokensLongerThanPartsLookAtAreJudgedWhole) {
    std::mt19937 random(5);
    TokenBytes tokens = {.texts = {"", "", "a", "b", "c"}, .end_tokens = {kEnd}};
    for (const std::size_t bytes : {19U, 20U, 21U, 22U, 27U, 40U}) {
        tokens.texts.emplace_back(bytes, 'a');
        tokens.texts.push_back(std::string(bytes - 1, 'a') + "b");
        tokens.texts.push_back(std::string(bytes - 2, 'a') + "ca");
    }
    const auto trie = std::make_shared<const TokenTrie>(std::move(tokens));
    for (const std::string_view text : {
             R"(root ::= [ab]{3,60} "c" [a]*)",
             R"(root ::= (part "c"){1,30}
                part ::= [ab]{20,22} | "aa")",
             R"(root ::= "a"{0,45} "b"?)",
         }) {
        SCOPED_TRACE(text);
        const auto grammar = parse_ebnf(text);
        ASSERT_TRUE(grammar) << grammar.error().message;
        walk(*grammar, trie, random);
    }
}

// Expressions of every kind at random. Rule i calls only rules after it, or any rule behind a byte with a way
// around: so all come to an end and none is left-recursive.
class RandomGrammar {
public:
    explicit RandomGrammar(std::mt19937& random) : random_(random) {}

    Grammar make() {
        for (int i = 0; i < kRules; ++i) {
            builder_.declare("rule" + std::to_string(i));
        }
        for (int i = 0; i < kRules; ++i) {
            builder_.define(i, expression(i, 3));
        }
        return *builder_.finish(0);
    }

private:
    static constexpr int kRules = 4;

    int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

    ExpressionId expression(int rule, int depth) {
        switch (below(depth == 0 ? 3 : 8)) {
            case 0:
                return builder_.literal(
                    std::string_view("abcab").substr(static_cast<std::size_t>(below(4)), 2)
                );
            case 1:
                return builder_.characters({{'a', static_cast<std::uint32_t>('a' + below(3))}, {0xE9, 0xEA}});
            case 2:
                return rule + 1 < kRules ? builder_.call(rule + 1 + below(kRules - rule - 1))
                                         : builder_.empty();
            case 3:
                return builder_.optional(
                    builder_.sequence({builder_.literal("c"), builder_.call(below(kRules))})
                );
            case 4:
            case 5:
                return builder_.sequence({expression(rule, depth - 1), expression(rule, depth - 1)});
            case 6:
                return builder_.choice({expression(rule, depth - 1), expression(rule, depth - 1)});
            default: {
                const int min = below(3);
                const int max = below(3) == 0 ? -1 : min + below(60);
                return builder_.repeat(expression(rule, depth - 1), min, max);
            }
        }
    }

    std::mt19937& random_;
    GrammarBuilder builder_;
};

TEST(CompiledGrammar, MasksOfRandomGrammarsAreWhatTheDefinitionSays) {
    std::mt19937 random(7);
    const auto trie = random_trie("abc\xC3\xA9", 50, random);
    for (int i = 0; i < 60 && !HasFatalFailure(); ++i) {
        SCOPED_TRACE(i);
        walk(RandomGrammar(random).make(), trie, random);
    }
}

std::shared_ptr<const CompiledGrammar> compile(
    std::string_view text, const std::shared_ptr<const TokenTrie>& trie
) {
    const auto grammar = parse_ebnf(text);
    CHECK(grammar, grammar.error().message);
    const auto compiled = compile_grammar(*grammar, trie);
    CHECK(compiled, compiled.error().message);
    return *compiled;
}

TEST(CompiledGrammar, ConstraintsGoBackAndAreCopied) {
    std::mt19937 random(2);
    const auto trie = random_trie("abc", 5, random);  // 2, 3 and 4 are a, b and c.
    const auto grammar = compile(R"(root ::= "a" ("b" | "c") "a"?)", trie);
    const auto constraint = grammar->start();
    EXPECT_FALSE(constraint->accept(3));
    EXPECT_FALSE(constraint->accept(kEnd));
    EXPECT_FALSE(constraint->accept(kSpecial));
    EXPECT_FALSE(constraint->accept(99));
    ASSERT_TRUE(constraint->accept(2));
    const auto copy = constraint->clone();
    ASSERT_TRUE(constraint->accept(3));
    EXPECT_TRUE(constraint->may_end());
    EXPECT_FALSE(constraint->must_end());
    ASSERT_TRUE(constraint->accept(kEnd));
    constraint->rollback(2);
    EXPECT_FALSE(constraint->may_end());
    EXPECT_EQ((*constraint->allowed())->tokens, (std::vector<llm::TokenId>{3, 4}));
    ASSERT_TRUE(copy->accept(4));
    ASSERT_TRUE(copy->accept(2));
    EXPECT_TRUE(copy->must_end());
    EXPECT_EQ((*copy->allowed())->tokens, (std::vector<llm::TokenId>{kEnd}));
}

TEST(CompiledGrammar, SaysWhenTheVocabularyCannotGoOn) {
    std::mt19937 random(2);
    const auto trie = random_trie("ab", 4, random);
    const auto constraint = compile(R"(root ::= "a" [c-z])", trie)->start();
    ASSERT_TRUE(constraint->accept(2));
    const auto allowed = constraint->allowed();
    ASSERT_FALSE(allowed);
    EXPECT_THAT(allowed.error().message, HasSubstr("no token"));
}

TEST(CompiledGrammar, AmbiguityHasALimit) {
    std::mt19937 random(2);
    const auto trie = random_trie("ab", 60, random);
    // Every "a" could be the one before the last 3,000: all of the counts at once.
    const auto constraint = compile(R"(root ::= [ab]* "a" [ab]{3000,9000})", trie)->start();
    Result<void> good = {};
    for (int i = 0; i < 9000 && good; ++i) {
        good = constraint->accept(2);
        if (const auto allowed = constraint->allowed(); !allowed) {
            good = allowed.error();
        }
    }
    ASSERT_FALSE(good);
    EXPECT_EQ(good.error().code, ErrorCode::kTooLarge);
}

TEST(CompiledGrammar, NestsToALimit) {
    std::mt19937 random(2);
    const auto trie = random_trie("ab", 4, random);
    const auto constraint = compile(R"(root ::= "a" root "b" | "b")", trie)->start();
    for (std::int32_t i = 0; i < kStackDepthMax; ++i) {
        ASSERT_TRUE(constraint->accept(2));
    }
    ASSERT_TRUE(constraint->accept(3));
    for (std::int32_t i = 0; i < kStackDepthMax; ++i) {
        EXPECT_FALSE(constraint->may_end());
        ASSERT_TRUE(constraint->accept(3));
    }
    EXPECT_TRUE(constraint->must_end());
}

std::string refusal(std::string_view text) {
    const auto grammar = parse_ebnf(text);
    if (!grammar) {
        return grammar.error().message;
    }
    const auto automaton = build_automaton(*grammar);
    return automaton ? "" : automaton.error().message;
}

TEST(Automaton, RefusesLeftRecursionByTheRulesName) {
    EXPECT_THAT(refusal(R"(root ::= root "a" | "b")"), HasSubstr("'root' begins with itself"));
    EXPECT_THAT(
        refusal(R"(root ::= "x" a
                           a ::= "y"? b
                           b ::= [ab]* a "c" | "d")"),
        HasSubstr("begins with itself")
    );
    EXPECT_THAT(refusal(R"(root ::= ("a"? root "b"){0,500} | "c")"), HasSubstr("begins with itself"));
    EXPECT_EQ(refusal(R"(root ::= "a" root | "b")"), "");
}

TEST(Automaton, RefusesWhatNothingMatches) {
    EXPECT_THAT(refusal(R"(root ::= "a" root)"), HasSubstr("no text at all matches"));
    EXPECT_EQ(
        refusal(R"(root ::= "a" root | "a" b
                         b ::= "x")"),
        ""
    );
    EXPECT_EQ(
        refusal(R"(root ::= "a" endless | "a"
                         endless ::= "b" endless)"),
        ""
    );
}

TEST(Automaton, HasALimitOnSize) {
    EXPECT_THAT(refusal(R"(root ::= ((((("abc"{9}){9}){9}){9}){9}){9})"), testing::IsEmpty());
    std::string wide = "root ::= ";
    for (int i = 0; i < 6000; ++i) {
        wide += R"("a"? )";
    }
    EXPECT_THAT(refusal(wide), HasSubstr("edges"));
}

TEST(CharacterSet, Utf8SpansAreThoseOfTheCharacters) {
    const CharacterSet sets[] = {
        CharacterSet::all(),
        {{0x20, 0x7E}},
        {{0x7F, 0x801}, {0xFFFE, 0x10001}},
        CharacterSet({{'"', '"'}, {0x1234, 0x23456}}).complement(),
    };
    for (const CharacterSet& set : sets) {
        const auto all = utf8_spans(set);
        for (std::uint32_t c = 0; c <= kCharacterMax; c += c < 0x3000 ? 1 : 37) {
            if (c >= 0xD800 && c <= 0xDFFF) {
                continue;
            }
            std::string text;
            append_utf8(text, c);
            const auto fits = [&](const std::vector<ByteSpan>& spans) {
                return std::ranges::equal(spans, text, [](ByteSpan span, char byte) {
                    const auto b = static_cast<std::uint8_t>(byte);
                    return span.first <= b && b <= span.last;
                });
            };
            ASSERT_EQ(std::ranges::count_if(all, fits), set.contains(c) ? 1 : 0) << c;
        }
    }
}

}  // namespace
}  // namespace capstan::engine
