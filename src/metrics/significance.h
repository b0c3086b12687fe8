#pragma once

// Whether two samples differ by more than chance: tests, all two-sided, and how large the difference is.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace capstan::metrics {

struct TestResult {
    std::string_view test;    // "welch_t"
    double difference = 0.0;  // mean(b) - mean(a).
    double statistic = 0.0;   // The test's own.
    double p_value = 1.0;
};

struct RandomisationSettings {
    std::size_t rounds = 10'000;  // 100 to 1,000,000.
    std::uint64_t seed = 1;
};

// All are kInvalid for samples that are too small, of different length where they are pairs, or not finite.

// Of pairs: swaps a[i] and b[i] at random (approximate randomisation, Noreen 1989). p is (1 + as far) / (1 +
// rounds). For scores of two systems on the same questions.
Result<TestResult> paired_randomisation_test(
    std::span<const double> a, std::span<const double> b, const RandomisationSettings& settings
);

// Of separate samples: deals the values out again at random.
Result<TestResult> permutation_test(
    std::span<const double> a, std::span<const double> b, const RandomisationSettings& settings
);

// Of means, with unequal variances (Welch 1947). `statistic` is t of a - b, as in SciPy. At least two values
// a side. Both sides constant: p is 1 when they are equal, else 0.
Result<TestResult> welch_t_test(std::span<const double> a, std::span<const double> b);

// Of ranks (Mann and Whitney 1947), by the normal approximation with correction for ties and continuity.
// `statistic` is U of a. For ordinal scores.
Result<TestResult> mann_whitney_u_test(std::span<const double> a, std::span<const double> b);

struct Proportion {
    std::uint64_t successes = 0;
    std::uint64_t trials = 0;
};

// Of shares, pooled. `difference` is b - a; `statistic` is z of b - a. For "solved" or "thumbs up".
Result<TestResult> two_proportion_z_test(const Proportion& a, const Proportion& b);

// Cohen's d of b - a: the difference of means in pooled deviations. About 0.2 is small, 0.8 large.
Result<double> cohen_d(std::span<const double> a, std::span<const double> b);

// Cliff's delta: how much likelier a value of b is above one of a than below, -1 to 1.
Result<double> cliff_delta(std::span<const double> a, std::span<const double> b);

}  // namespace capstan::metrics
