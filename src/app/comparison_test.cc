#include "app/comparison.h"

#include <gtest/gtest.h>

namespace capstan::app {
namespace {

Arm arm(std::string label, double first, double step, int count) {
    Arm made{std::move(label), {}};
    for (int i = 0; i < count; ++i) {
        made.scores.push_back(first + step * (i % 5));
    }
    return made;
}

TEST(Comparison, PromotesAChallengerThatIsClearlyBetter) {
    const auto compared = compare_arms(arm("base", 0.1, 0.02, 100), arm("adapted", 0.3, 0.02, 30));
    ASSERT_TRUE(compared) << compared.error().message;
    EXPECT_EQ(compared->outcome, deployments::Outcome::kPromote);
    EXPECT_NEAR(compared->difference, 0.2, 1e-9);
    EXPECT_LT(compared->low, 0.2);
    EXPECT_GT(compared->high, 0.2);
    EXPECT_LE(compared->p_value, 0.001);
    EXPECT_NE(compared->reason.find("better"), std::string::npos);
}

TEST(Comparison, RollsBackAChallengerThatIsClearlyWorse) {
    const auto compared = compare_arms(arm("base", 0.3, 0.02, 100), arm("adapted", 0.1, 0.02, 30));
    EXPECT_EQ(compared->outcome, deployments::Outcome::kRollBack);
    EXPECT_LT(compared->high, 0);
}

TEST(Comparison, KeepsWhatItCannotTellApartAndSaysWhatItCouldHaveSeen) {
    const auto compared = compare_arms(arm("base", 0.1, 0.1, 20), arm("adapted", 0.11, 0.1, 10));
    EXPECT_EQ(compared->outcome, deployments::Outcome::kKeep);
    EXPECT_GT(compared->p_value, 0.05);
    EXPECT_FALSE(compared->power_note.empty());
}

TEST(Comparison, KeepsEqualConstants) {
    const auto compared = compare_arms(arm("base", 0.5, 0, 10), arm("adapted", 0.5, 0, 10));
    ASSERT_TRUE(compared) << compared.error().message;
    EXPECT_EQ(compared->outcome, deployments::Outcome::kKeep);
}

TEST(Comparison, RefusesToDecideOnAHandfulOfAnswers) {
    const auto compared = compare_arms(arm("base", 0.1, 0.1, 20), arm("adapted", 0.9, 0, 4));
    EXPECT_EQ(compared.error().code, ErrorCode::kInvalid);
    EXPECT_NE(compared.error().message.find("adapted"), std::string::npos);
}

}  // namespace
}  // namespace capstan::app
