#include "engine/grammar/grammar_cache.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "engine/grammar/grammar_compiler.h"

namespace capstan::engine {
namespace {

// A grammar that holds what it is told.
class SizedGrammar : public CompiledGrammar {
public:
    explicit SizedGrammar(std::size_t bytes) : bytes_(bytes) {}

    std::unique_ptr<TokenConstraint> start() const override { return nullptr; }

    std::size_t bytes() const override { return bytes_; }

    void grow(std::size_t bytes) { bytes_ += bytes; }

private:
    std::size_t bytes_;
};

TEST(GrammarCache, KeepsTheLatestWithinItsBytes) {
    GrammarCache cache(100);
    cache.add("a", std::make_shared<SizedGrammar>(40));
    cache.add("b", std::make_shared<SizedGrammar>(40));
    ASSERT_NE(cache.find("a"), nullptr);
    cache.add("c", std::make_shared<SizedGrammar>(40));
    EXPECT_EQ(cache.find("b"), nullptr) << "it was used before the other";
    EXPECT_NE(cache.find("a"), nullptr);
    EXPECT_NE(cache.find("c"), nullptr);
    EXPECT_EQ(cache.bytes(), 82U);
    cache.add("huge", std::make_shared<SizedGrammar>(1000));
    EXPECT_NE(cache.find("huge"), nullptr) << "the request that made it goes on";
    EXPECT_EQ(cache.find("a"), nullptr);
    cache.clear();
    EXPECT_EQ(cache.bytes(), 0U);
}

TEST(GrammarCache, HoldsWhatGrowsToItsBytesToo) {
    GrammarCache cache(100);
    const auto grown = std::make_shared<SizedGrammar>(10);
    cache.add("a", std::make_shared<SizedGrammar>(50));
    cache.add("b", grown);
    grown->grow(80);
    EXPECT_GT(cache.bytes(), 100U);
    EXPECT_EQ(cache.find("b"), grown);
    EXPECT_EQ(cache.find("a"), nullptr);
    EXPECT_LE(cache.bytes(), 100U);
}

// A token for each byte that can be seen; a sequence that is led through many texts.
TEST(GrammarCache, AGrammarThatMeetsEverNewTextsStaysWithinItsShare) {
    TokenBytes tokens = {.texts = {""}, .end_tokens = {0}};
    for (char c = ' '; c <= '~'; ++c) {
        tokens.texts.emplace_back(1, c);
    }
    constexpr std::size_t kBytesMax = std::size_t{1} << 20;
    GrammarCache cache(kBytesMax);
    GrammarCompiler compiler(std::move(tokens), cache);
    const llm::Constraint nested = {
        .kind = llm::Constraint::Kind::kGrammar, .text = R"g(root ::= "(" root ")" | "[" root "]" | [a-z]+)g"
    };
    std::size_t most = 0;
    for (unsigned text = 0; text < 2'000; ++text) {
        const auto grammar = compiler.compile(nested);
        ASSERT_TRUE(grammar) << grammar.error().message;
        const auto sequence = (*grammar)->start();
        for (unsigned depth = 0; depth < 12; ++depth) {
            const char c = ((text >> (depth % 11)) & 1U) != 0 ? '(' : '[';
            ASSERT_TRUE(sequence->accept(static_cast<llm::TokenId>(c - ' ' + 1)));
            ASSERT_TRUE(sequence->allowed());
        }
        most = std::max(most, cache.bytes());
    }
    EXPECT_GT(most, cache.masks_bytes_max() / 2) << "the texts are enough to tell";
    EXPECT_LT(most, cache.masks_bytes_max() * 2);
}

}  // namespace
}  // namespace capstan::engine
