#include "engine/scheduling/prompt_lookup.h"

#include <random>

#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

std::vector<llm::TokenId> guesses_for(const std::vector<llm::TokenId>& tokens, std::int64_t count = 3) {
    std::vector<llm::TokenId> guesses;
    look_up_guesses(tokens, count, guesses);
    return guesses;
}

using Tokens = std::vector<llm::TokenId>;

TEST(PromptLookup, GuessesWhatFollowedBefore) {
    EXPECT_EQ(guesses_for({1, 2, 3, 4, 5, 1, 2}), (Tokens{3, 4, 5}));
    EXPECT_EQ(guesses_for({1, 2, 3, 4, 5, 1, 2}, 1), (Tokens{3}));
    EXPECT_EQ(guesses_for({1, 2, 3, 1, 2}), (Tokens{3, 1, 2}));
    EXPECT_EQ(guesses_for({7, 7, 7, 7}), (Tokens{7}));
}

TEST(PromptLookup, PrefersLongerMatchesThenLaterOnes) {
    EXPECT_EQ(guesses_for({9, 1, 2, 30, 8, 1, 2, 40, 9, 1, 2}, 1), (Tokens{30}));
    EXPECT_EQ(guesses_for({1, 2, 30, 5, 1, 2, 40, 6, 1, 2}, 1), (Tokens{40}));
}

TEST(PromptLookup, GuessesNothingWithoutAMatch) {
    EXPECT_EQ(guesses_for({}), Tokens{});
    EXPECT_EQ(guesses_for({1}), Tokens{});
    EXPECT_EQ(guesses_for({1, 2}), Tokens{});
    EXPECT_EQ(guesses_for({1, 2, 3, 9, 2, 4, 2}), Tokens{});  // One token alone is no match.
}

}  // namespace
}  // namespace capstan::engine
