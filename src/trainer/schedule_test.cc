#include "trainer/schedule.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"

namespace capstan::trainer {
namespace {

OptimizerSettings settings() {
    OptimizerSettings settings;
    settings.learning_rate = 1;
    settings.warmup_steps = 10;
    settings.final_fraction = 0.1;
    return settings;
}

TEST(LearningRate, RisesOverTheWarmUpAndFallsAlongACosine) {
    EXPECT_DOUBLE_EQ(learning_rate_at(settings(), 0, 110), 0.1);
    EXPECT_DOUBLE_EQ(learning_rate_at(settings(), 9, 110), 1);
    EXPECT_DOUBLE_EQ(learning_rate_at(settings(), 10, 110), 1);
    EXPECT_DOUBLE_EQ(learning_rate_at(settings(), 60, 110), 0.55);
    EXPECT_DOUBLE_EQ(learning_rate_at(settings(), 110, 110), 0.1);
    EXPECT_DOUBLE_EQ(learning_rate_at(settings(), 500, 110), 0.1);
}

TEST(LearningRate, StaysWhereItIsUntilTheLengthIsKnown) {
    EXPECT_DOUBLE_EQ(learning_rate_at(settings(), 5, 0), 0.6);
    EXPECT_DOUBLE_EQ(learning_rate_at(settings(), 5000, 0), 1);
}

TEST(LearningRate, IsConstantWhenAskedTo) {
    OptimizerSettings constant = settings();
    constant.schedule = Schedule::kConstant;
    constant.warmup_steps = 0;
    EXPECT_DOUBLE_EQ(learning_rate_at(constant, 0, 10), 1);
    EXPECT_DOUBLE_EQ(learning_rate_at(constant, 9, 10), 1);
}

TEST(StepPlan, RemembersWhatWasInForceAtEachStep) {
    const auto path = std::filesystem::path(testing::TempDir()) / new_id() / "plan.json";
    auto plan = StepPlan::open(path);
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->total(), 0);
    ASSERT_TRUE(plan->decide({12, 900}));
    ASSERT_TRUE(plan->decide({64, 700}));
    const auto again = StepPlan::open(path);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->total_at(11), 0);
    EXPECT_EQ(again->total_at(12), 900);
    EXPECT_EQ(again->total_at(63), 900);
    EXPECT_EQ(again->total_at(64), 700);
    EXPECT_EQ(again->total(), 700);
}

TEST(StepPlan, RefusesABrokenFile) {
    const auto path = std::filesystem::path(testing::TempDir()) / new_id() / "plan.json";
    for (const auto* text :
         {"", "{", "{}", R"({"plan":[{"from_step":1}]})", R"({"plan":[{"from_step":-1,"steps_total":5}]})"}) {
        ASSERT_TRUE(replace_file(path, text));
        EXPECT_FALSE(StepPlan::open(path)) << text;
    }
}

TEST(Pace, IgnoresTheFirstStepsAndFollowsTheLast) {
    Pace pace;
    for (std::int64_t i = 0; i < Pace::kWarmUpSteps; ++i) {
        pace.add_step(100);
    }
    EXPECT_FALSE(pace.is_calibrated());
    for (std::int64_t i = 0; i < Pace::kCalibrationSteps; ++i) {
        pace.add_step(0.5);
    }
    EXPECT_TRUE(pace.is_calibrated());
    EXPECT_DOUBLE_EQ(pace.step_s(), 0.5);
    EXPECT_EQ(pace.steps_in(10), 20);
    EXPECT_EQ(pace.steps_in(-1), 0);
    for (int i = 0; i < 100; ++i) {
        pace.add_step(2);
    }
    EXPECT_DOUBLE_EQ(pace.step_s(), 2);
}

}  // namespace
}  // namespace capstan::trainer
