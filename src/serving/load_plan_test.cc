#include "serving/load_plan.h"

#include <filesystem>
#include <set>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"

namespace capstan::serving {
namespace {

TEST(LoadPlan, IsTheSameForASeedAndAnotherForAnother) {
    const LoadOptions options = {.calls = 20, .calls_per_second = 5, .lengths = "sharegpt", .models = {"m"}};
    LoadOptions other = options;
    other.seed = 2;
    const auto first = plan_load(options).value();
    const auto again = plan_load(options).value();
    const auto different = plan_load(other).value();
    for (std::size_t i = 0; i < first.size(); ++i) {
        EXPECT_EQ(first[i].prompt, again[i].prompt);
        EXPECT_EQ(first[i].at_us, again[i].at_us);
        EXPECT_NE(first[i].prompt, different[i].prompt);
    }
}

TEST(LoadPlan, ArrivalsAreAPoissonProcessOfTheRate) {
    const auto calls =
        plan_load({.calls = 20'000, .calls_per_second = 50, .fixed = {1, 1}, .models = {"m"}}).value();
    // 20,000 gaps of mean 20 ms: the mean's own deviation is 0.14 ms. A fifth of exponential gaps are
    // under 4.46 ms.
    EXPECT_NEAR(static_cast<double>(calls.back().at_us) / 20'000, 20'000, 600);
    std::int64_t short_gaps = 0;
    for (std::size_t i = 1; i < calls.size(); ++i) {
        ASSERT_GE(calls[i].at_us, calls[i - 1].at_us);
        short_gaps += calls[i].at_us - calls[i - 1].at_us < 4463 ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(short_gaps) / 20'000, 0.2, 0.015);
}

TEST(LoadPlan, SharesThePrefixAndNothingBehindIt) {
    const auto calls =
        plan_load({.calls = 8, .fixed = {.prompt_tokens = 16}, .shared_tokens = 64, .models = {"a", "b"}})
            .value();
    std::set<std::vector<std::int32_t>> own;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        const auto& prompt = calls[i].prompt;
        ASSERT_EQ(prompt.size(), 80U);
        EXPECT_TRUE(std::equal(prompt.begin(), prompt.begin() + 64, calls[0].prompt.begin()));
        own.insert({prompt.begin() + 64, prompt.end()});
        EXPECT_EQ(calls[i].model, i % 2 == 0 ? "a" : "b");
    }
    EXPECT_EQ(own.size(), 8U);
}

TEST(LoadPlan, CutsWhatIsTooLongForTheContext) {
    const auto calls =
        plan_load(
            {.calls = 500, .lengths = "sharegpt", .tokens_max = 200, .shared_tokens = 20, .models = {"m"}}
        )
            .value();
    for (const PlannedCall& call : calls) {
        ASSERT_GE(call.completion_tokens, 1);
        ASSERT_LE(std::ssize(call.prompt) + call.completion_tokens, 200);
    }
}

TEST(LoadPlan, TakesLengthsFromAFile) {
    const auto file = std::filesystem::path(testing::TempDir()) / new_id();
    ASSERT_TRUE(replace_file(file, "prompt,completion\n7,3\r\n\"9\", 4\n"));
    const auto calls = plan_load({.calls = 100, .lengths = file, .models = {"m"}}).value();
    std::set<std::pair<std::size_t, std::int64_t>> seen;
    for (const PlannedCall& call : calls) {
        seen.insert({call.prompt.size(), call.completion_tokens});
    }
    EXPECT_EQ(seen, (std::set<std::pair<std::size_t, std::int64_t>>{{7, 3}, {9, 4}}));
}

TEST(LoadPlan, RefusesLengthsThatAreNone) {
    EXPECT_TRUE(parse_lengths("5,5\n5").error().message.contains("line 2"));
    EXPECT_TRUE(parse_lengths("5,0\n").error().message.contains("line 1"));
    EXPECT_TRUE(parse_lengths("5,99999999999999999999\n").error().message.contains("line 1"));
    EXPECT_FALSE(parse_lengths(""));
    EXPECT_FALSE(parse_lengths("title,only\n"));
    EXPECT_EQ(plan_load({.lengths = "/no/such/file", .models = {"m"}}).error().code, ErrorCode::kNotFound);
}

TEST(LoadPlan, RefusesWhatIsOutOfRange) {
    EXPECT_FALSE(plan_load({.calls = 0, .models = {"m"}}));
    EXPECT_FALSE(plan_load({.calls_per_second = -1, .models = {"m"}}));
    EXPECT_FALSE(plan_load({.fixed = {.prompt_tokens = 0}, .models = {"m"}}));
    EXPECT_FALSE(plan_load({.shared_tokens = 4000, .models = {"m"}}));
    EXPECT_FALSE(plan_load({}));
}

}  // namespace
}  // namespace capstan::serving
