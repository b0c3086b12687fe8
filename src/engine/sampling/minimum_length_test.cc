#include "engine/sampling/minimum_length.h"

#include <numeric>

#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

TokenMask mask_of(std::vector<llm::TokenId> tokens) {
    TokenMask mask{.bits = std::vector<std::uint64_t>(32), .count = std::ssize(tokens), .tokens = {}};
    for (const llm::TokenId token : tokens) {
        mask.bits[static_cast<std::size_t>(token) / 64] |= std::uint64_t{1} << (token % 64);
    }
    if (mask.is_listed()) {
        mask.tokens = std::move(tokens);
    }
    return mask;
}

TEST(MinimumLength, BarsTheEndsUntilThereAreEnoughTokens) {
    MinimumLength minimum(3, {4, 0, 4, 900, -1}, 70);
    for (const std::int64_t generated : {0, 1, 2}) {
        const TokenMask* mask = minimum.within(nullptr, generated);
        ASSERT_NE(mask, nullptr);
        EXPECT_EQ(mask->count, 68);
        EXPECT_EQ(mask->tokens.size(), 68U);
        EXPECT_FALSE(mask->allows(0) || mask->allows(4));
        EXPECT_TRUE(mask->allows(1) && mask->allows(69));
        EXPECT_FALSE(mask->allows(70)) << "not behind the vocabulary";
    }
    EXPECT_EQ(minimum.within(nullptr, 3), nullptr);
    EXPECT_EQ(MinimumLength(0, {1}, 70).within(nullptr, 0), nullptr);
    EXPECT_EQ(MinimumLength(5, {}, 70).within(nullptr, 0), nullptr) << "nothing ends it";
}

TEST(MinimumLength, KeepsToAGrammarAndLetsACompleteAnswerEnd) {
    MinimumLength minimum(8, {0, 4}, 70);
    const TokenMask free = mask_of({7, 9});
    EXPECT_EQ(minimum.within(&free, 0), &free);
    const TokenMask some = mask_of({0, 4, 9});
    EXPECT_EQ(minimum.within(&some, 0)->tokens, std::vector<llm::TokenId>{9});
    EXPECT_EQ(minimum.within(&some, 0)->count, 1);
    const TokenMask complete = mask_of({0, 4});
    EXPECT_EQ(minimum.within(&complete, 0), &complete);
    EXPECT_EQ(minimum.within(&some, 8), &some);
}

TEST(MinimumLength, ListsWhatBecomesShortEnoughForIt) {
    std::vector<llm::TokenId> many(TokenMask::kListedTokensMax + 1);
    std::iota(many.begin(), many.end(), 0);
    const TokenMask mask = mask_of(many);
    ASSERT_FALSE(mask.is_listed());
    MinimumLength minimum(8, {5}, 2048);
    const TokenMask* left = minimum.within(&mask, 0);
    ASSERT_TRUE(left->is_listed());
    EXPECT_EQ(std::ssize(left->tokens), left->count);
    EXPECT_EQ(left->tokens.at(5), 6);
}

}  // namespace
}  // namespace capstan::engine
