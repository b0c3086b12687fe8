// Intervals and tests on simulated samples: do they cover, and err, as often as they say?

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/bootstrap.h"
#include "metrics/power.h"
#include "metrics/random.h"
#include "metrics/significance.h"

namespace capstan::metrics {
namespace {

using testing::HasSubstr;

std::vector<double> normal_sample(
    Random& random, std::size_t count, double mean = 0.0, double deviation = 1.0
) {
    std::vector<double> values(count);
    for (auto& value : values) {
        value = mean + deviation * random.normal();
    }
    return values;
}

TEST(Random, IsTheSameForEverAndFair) {
    Random random(1);
    EXPECT_EQ(random.next(), 12966619160104079557U);  // xoshiro256** seeded by SplitMix64 from 1.
    std::vector<int> counts(7, 0);
    double sum = 0.0;
    double square = 0.0;
    for (int i = 0; i < 70'000; ++i) {
        counts[random.below(7)] += 1;
        const double x = random.normal();
        sum += x;
        square += x * x;
    }
    for (const int count : counts) {
        EXPECT_NEAR(count, 10'000, 400);  // Four standard deviations are 370.
    }
    EXPECT_NEAR(sum / 70'000, 0.0, 0.016);
    EXPECT_NEAR(square / 70'000, 1.0, 0.022);
}

TEST(Bootstrap, CoversTheTrueMeanAsOftenAsItSays) {
    Random random(42);
    int covered = 0;
    constexpr int kTrials = 400;
    for (int trial = 0; trial < kTrials; ++trial) {
        const auto values = normal_sample(random, 60, 3.0, 2.0);
        const auto interval =
            bootstrap_mean(values, {.resamples = 400, .seed = static_cast<std::uint64_t>(trial)});
        ASSERT_TRUE(interval);
        covered += interval->low <= 3.0 && 3.0 <= interval->high ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(covered) / kTrials, 0.94, 0.035);  // Percentiles are a little short.
}

TEST(Bootstrap, CoversDifferencesOfPairsAndOfSeparateSamples) {
    Random random(7);
    int paired = 0;
    int separate = 0;
    constexpr int kTrials = 300;
    for (int trial = 0; trial < kTrials; ++trial) {
        const auto a = normal_sample(random, 50);
        auto b = a;
        for (auto& value : b) {
            value += 0.3 + 0.2 * random.normal();
        }
        const auto c = normal_sample(random, 80, 0.3, 2.0);
        const BootstrapSettings settings{.resamples = 400, .seed = static_cast<std::uint64_t>(trial)};
        const auto pairs = bootstrap_paired_difference(a, b, settings);
        const auto apart = bootstrap_difference(a, c, settings);
        ASSERT_TRUE(pairs && apart);
        paired += pairs->low <= 0.3 && 0.3 <= pairs->high ? 1 : 0;
        separate += apart->low <= 0.3 && 0.3 <= apart->high ? 1 : 0;
        EXPECT_LT(pairs->high - pairs->low, apart->high - apart->low);  // Pairs share their noise.
    }
    EXPECT_NEAR(static_cast<double>(paired) / kTrials, 0.94, 0.04);
    EXPECT_NEAR(static_cast<double>(separate) / kTrials, 0.94, 0.04);
}

TEST(Bootstrap, GivesTheSameForTheSameSeed) {
    Random random(3);
    const auto values = normal_sample(random, 30);
    const auto one = bootstrap_mean(values, {.seed = 5});
    const auto two = bootstrap_mean(values, {.seed = 5});
    const auto other = bootstrap_mean(values, {.seed = 6});
    ASSERT_TRUE(one && two && other);
    EXPECT_EQ(one->low, two->low);
    EXPECT_EQ(one->high, two->high);
    EXPECT_NE(one->low, other->low);
    EXPECT_LE(one->low, one->estimate);
    EXPECT_GE(one->high, one->estimate);
}

TEST(Bootstrap, TakesRatiosAndAnyStatistic) {
    const std::vector<double> bits = {10, 20, 30};
    const std::vector<double> bytes = {5, 10, 15};
    const auto ratio = bootstrap_ratio(bits, bytes, {});
    ASSERT_TRUE(ratio);
    EXPECT_DOUBLE_EQ(ratio->estimate, 2.0);
    EXPECT_DOUBLE_EQ(ratio->low, 2.0);
    EXPECT_DOUBLE_EQ(ratio->high, 2.0);
    const auto largest = bootstrap(
        10,
        [](std::span<const std::uint32_t> items) {
            return static_cast<double>(*std::ranges::max_element(items));
        },
        {}
    );
    ASSERT_TRUE(largest);
    EXPECT_EQ(largest->estimate, 9.0);
    EXPECT_EQ(largest->high, 9.0);
}

TEST(Bootstrap, RefusesWhatHasNoInterval) {
    const std::vector<double> one = {1.0};
    const std::vector<double> two = {1.0, 2.0};
    const std::vector<double> zero = {0.0};
    const std::vector<double> bad = {std::numeric_limits<double>::quiet_NaN()};
    EXPECT_EQ(bootstrap_mean({}, {}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(bootstrap_mean(bad, {}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(bootstrap_mean(one, {.resamples = 1}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(bootstrap_mean(one, {.confidence = 1.0}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(bootstrap_paired_difference(one, two, {}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(bootstrap_ratio(one, zero, {}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(bootstrap_mean(one, {})->low, 1.0);
}

// How often each test calls equal samples different at the level 0.05.
TEST(Significance, ErrsAsOftenAsItsLevelSays) {
    Random random(11);
    int welch = 0;
    int ranks = 0;
    int pairs = 0;
    int dealt = 0;
    constexpr int kTrials = 400;
    for (int trial = 0; trial < kTrials; ++trial) {
        const auto a = normal_sample(random, 25);
        const auto b = normal_sample(random, 25);
        const RandomisationSettings settings{.rounds = 300, .seed = static_cast<std::uint64_t>(trial)};
        welch += welch_t_test(a, b)->p_value < 0.05 ? 1 : 0;
        ranks += mann_whitney_u_test(a, b)->p_value < 0.05 ? 1 : 0;
        pairs += paired_randomisation_test(a, b, settings)->p_value < 0.05 ? 1 : 0;
        dealt += permutation_test(a, b, settings)->p_value < 0.05 ? 1 : 0;
    }
    for (const int errors : {welch, ranks, pairs, dealt}) {
        EXPECT_NEAR(errors, 20, 15);  // Three and a half standard deviations of a binomial.
    }
}

TEST(Significance, FindsADifferenceThatIsThere) {
    Random random(12);
    const auto a = normal_sample(random, 80);
    const auto b = normal_sample(random, 80, 1.0);
    EXPECT_LT(welch_t_test(a, b)->p_value, 1e-4);
    EXPECT_LT(mann_whitney_u_test(a, b)->p_value, 1e-4);
    EXPECT_NEAR(permutation_test(a, b, {})->p_value, 1.0 / 10'001, 1e-9);
    EXPECT_NEAR(paired_randomisation_test(a, b, {})->p_value, 1.0 / 10'001, 1e-9);
    EXPECT_GT(welch_t_test(a, b)->difference, 0.5);
    EXPECT_GT(*cohen_d(a, b), 0.5);
    EXPECT_GT(*cliff_delta(a, b), 0.3);
}

TEST(Significance, SaysNothingOfSamplesThatAreTheSame) {
    const std::vector<double> same = {1, 1, 1};
    EXPECT_EQ(welch_t_test(same, same)->p_value, 1.0);
    EXPECT_EQ(mann_whitney_u_test(same, same)->p_value, 1.0);
    EXPECT_EQ(permutation_test(same, same, {})->p_value, 1.0);
    EXPECT_EQ(paired_randomisation_test(same, same, {})->p_value, 1.0);
    EXPECT_EQ(*cliff_delta(same, same), 0.0);
    EXPECT_EQ(cohen_d(same, same).error().code, ErrorCode::kInvalid);
}

TEST(Significance, RefusesSamplesThatCannotBeCompared) {
    const std::vector<double> one = {1.0};
    const std::vector<double> two = {1.0, 2.0};
    EXPECT_EQ(welch_t_test(one, two).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(paired_randomisation_test(one, two, {}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(permutation_test({}, two, {}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(permutation_test(one, two, {.rounds = 5}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(two_proportion_z_test({1, 0}, {1, 2}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(two_proportion_z_test({3, 2}, {1, 2}).error().code, ErrorCode::kInvalid);
}

TEST(TwoProportions, AreComparedPooled) {
    const auto result = two_proportion_z_test({40, 100}, {60, 100});
    ASSERT_TRUE(result);
    EXPECT_NEAR(result->difference, 0.2, 1e-12);
    EXPECT_NEAR(result->statistic, 0.2 / std::sqrt(0.5 * 0.5 * 0.02), 1e-12);  // 2.828
    EXPECT_NEAR(result->p_value, 0.004677734981, 1e-10);
    EXPECT_EQ(two_proportion_z_test({0, 5}, {0, 9})->p_value, 1.0);
}

TEST(Power, IsWhatTheTestsHave) {
    const auto least = minimum_detectable_difference({100, 1.0}, {100, 1.0}, {});
    ASSERT_TRUE(least);
    EXPECT_NEAR(*least, (1.959963985 + 0.841621234) * std::sqrt(0.02), 1e-8);
    Random random(5);
    int found = 0;
    for (int trial = 0; trial < 400; ++trial) {
        const auto a = normal_sample(random, 100);
        const auto b = normal_sample(random, 100, *least);
        found += welch_t_test(a, b)->p_value < 0.05 ? 1 : 0;
    }
    EXPECT_NEAR(found / 400.0, 0.8, 0.06);
}

TEST(Power, NeedsMoreSamplesForLess) {
    EXPECT_EQ(*samples_needed(0.5, 1.0, {}), 63U);
    EXPECT_EQ(*samples_needed(-0.5, 1.0, {}), 63U);
    EXPECT_EQ(*samples_needed(0.05, 1.0, {}), 6280U);
    EXPECT_EQ(*samples_needed(0.5, 0.0, {}), 1U);
    EXPECT_EQ(samples_needed(0.0, 1.0, {}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(samples_needed(1e-300, 1.0, {}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(samples_needed(1.0, 1.0, {.alpha = 0.0}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(minimum_detectable_difference({0, 1.0}, {1, 1.0}, {}).error().code, ErrorCode::kInvalid);
    EXPECT_LT(
        *minimum_detectable_paired_difference({100, 1.0}, {}),
        *minimum_detectable_difference({100, 1.0}, {100, 1.0}, {})
    );
    EXPECT_THAT(
        *power_note({200, 0.3}, {40, 0.3}, {}), HasSubstr("200 and 40 answers show a difference of 0.146")
    );
    EXPECT_THAT(*power_note({200, 0}, {40, 0}, {}), HasSubstr("all 200 and 40 answers scored alike"));
}

}  // namespace
}  // namespace capstan::metrics
