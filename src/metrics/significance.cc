#include "metrics/significance.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "metrics/distributions.h"
#include "metrics/random.h"

namespace capstan::metrics {
namespace {

using Sample = std::span<const double>;

Result<void> check_samples(Sample a, Sample b, std::size_t size_min) {
    if (a.size() < size_min || b.size() < size_min) {
        return Error{
            ErrorCode::kInvalid,
            "each sample needs at least " + std::to_string(size_min) + " values; there are " +
                std::to_string(a.size()) + " and " + std::to_string(b.size())
        };
    }
    const auto is_finite = [](double value) { return std::isfinite(value); };
    if (!std::ranges::all_of(a, is_finite) || !std::ranges::all_of(b, is_finite)) {
        return Error{ErrorCode::kInvalid, "a sample holds a value that is not finite"};
    }
    return {};
}

Result<void> check_rounds(const RandomisationSettings& settings) {
    if (settings.rounds < 100 || settings.rounds > 1'000'000) {
        return Error{ErrorCode::kInvalid, "rounds must be 100 to 1000000"};
    }
    return {};
}

double mean_of(Sample values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double variance_of(Sample values) {
    const double mean = mean_of(values);
    double sum = 0.0;
    for (const double value : values) {
        sum += (value - mean) * (value - mean);
    }
    return sum / static_cast<double>(values.size() - 1);
}

// As far as `observed`, but for rounding: sums of the same numbers in another order differ a little.
bool is_as_far(double drawn, double observed) {
    constexpr double kRounding = 1e-12;
    return std::abs(drawn) >= std::abs(observed) * (1.0 - kRounding) - kRounding;
}

double p_of(std::size_t as_far, std::size_t rounds) {
    return (1.0 + static_cast<double>(as_far)) / (1.0 + static_cast<double>(rounds));
}

struct Ranking {
    double rank_sum_a = 0.0;  // Ranks from 1; equal values share the mean of theirs.
    double tie_term = 0.0;    // Sum of t^3 - t over groups of equal values.
};

Ranking rank(Sample a, Sample b) {
    std::vector<std::pair<double, bool>> all;  // value, is of a
    for (const double value : a) {
        all.emplace_back(value, true);
    }
    for (const double value : b) {
        all.emplace_back(value, false);
    }
    std::ranges::sort(all);
    Ranking ranking;
    std::size_t begin = 0;
    while (begin < all.size()) {
        std::size_t end = begin;
        std::size_t of_a = 0;
        while (end < all.size() && all[end].first == all[begin].first) {
            of_a += all[end].second ? 1U : 0U;
            end += 1;
        }
        const auto equal = static_cast<double>(end - begin);
        ranking.rank_sum_a += static_cast<double>(of_a) * (static_cast<double>(begin + end) + 1.0) / 2.0;
        ranking.tie_term += equal * equal * equal - equal;
        begin = end;
    }
    return ranking;
}

// U of a: pairs in which a is above b, halves for equal ones.
double u_of(const Ranking& ranking, double n_a) {
    return ranking.rank_sum_a - n_a * (n_a + 1.0) / 2.0;
}

}  // namespace

Result<TestResult> paired_randomisation_test(Sample a, Sample b, const RandomisationSettings& settings) {
    auto fine = check_rounds(settings);
    fine = fine ? check_samples(a, b, 1) : fine;
    if (fine && a.size() != b.size()) {
        fine = Error{ErrorCode::kInvalid, "pairs need two samples of one length"};
    }
    if (!fine) {
        return fine.error();
    }
    std::vector<double> differences;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] != b[i]) {
            differences.push_back(b[i] - a[i]);  // Equal pairs change nothing when they are swapped.
        }
    }
    const double observed = std::accumulate(differences.begin(), differences.end(), 0.0);
    Random random(settings.seed);
    std::size_t as_far = 0;
    for (std::size_t round = 0; round < settings.rounds; ++round) {
        double sum = 0.0;
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < differences.size(); ++i) {
            bits = i % 64 == 0 ? random.next() : bits >> 1;
            sum += (bits & 1U) != 0 ? differences[i] : -differences[i];
        }
        as_far += is_as_far(sum, observed) ? 1U : 0U;
    }
    const double difference = observed / static_cast<double>(a.size());
    return TestResult{
        .test = "paired_randomisation",
        .difference = difference,
        .statistic = difference,
        .p_value = p_of(as_far, settings.rounds)
    };
}

Result<TestResult> permutation_test(Sample a, Sample b, const RandomisationSettings& settings) {
    auto fine = check_rounds(settings);
    fine = fine ? check_samples(a, b, 1) : fine;
    if (!fine) {
        return fine.error();
    }
    std::vector<double> all(a.begin(), a.end());
    all.insert(all.end(), b.begin(), b.end());
    const double total = std::accumulate(all.begin(), all.end(), 0.0);
    const auto n_a = static_cast<double>(a.size());
    const auto n_b = static_cast<double>(b.size());
    const auto difference_of = [&](double sum_a) { return (total - sum_a) / n_b - sum_a / n_a; };
    const double observed = difference_of(std::accumulate(a.begin(), a.end(), 0.0));
    Random random(settings.seed);
    std::size_t as_far = 0;
    for (std::size_t round = 0; round < settings.rounds; ++round) {
        double sum_a = 0.0;
        for (std::size_t i = 0; i < a.size(); ++i) {  // The first steps of a Fisher-Yates shuffle.
            std::swap(all[i], all[i + random.below(all.size() - i)]);
            sum_a += all[i];
        }
        as_far += is_as_far(difference_of(sum_a), observed) ? 1U : 0U;
    }
    return TestResult{
        .test = "permutation",
        .difference = observed,
        .statistic = observed,
        .p_value = p_of(as_far, settings.rounds)
    };
}

Result<TestResult> welch_t_test(Sample a, Sample b) {
    if (auto fine = check_samples(a, b, 2); !fine) {
        return fine.error();
    }
    const double error_a = variance_of(a) / static_cast<double>(a.size());
    const double error_b = variance_of(b) / static_cast<double>(b.size());
    TestResult result{.test = "welch_t", .difference = mean_of(b) - mean_of(a)};
    const double error = error_a + error_b;
    if (error == 0.0) {
        result.p_value = result.difference == 0.0 ? 1.0 : 0.0;
        return result;
    }
    result.statistic = -result.difference / std::sqrt(error);
    const double degrees = error * error /
                           (error_a * error_a / static_cast<double>(a.size() - 1) +
                            error_b * error_b / static_cast<double>(b.size() - 1));
    result.p_value = two_sided_student_p(result.statistic, degrees);
    return result;
}

Result<TestResult> mann_whitney_u_test(Sample a, Sample b) {
    if (auto fine = check_samples(a, b, 1); !fine) {
        return fine.error();
    }
    const auto n_a = static_cast<double>(a.size());
    const auto n_b = static_cast<double>(b.size());
    const double n = n_a + n_b;
    const Ranking ranking = rank(a, b);
    const double u = u_of(ranking, n_a);
    TestResult result{.test = "mann_whitney_u", .difference = mean_of(b) - mean_of(a), .statistic = u};
    const double variance = n_a * n_b / 12.0 * (n + 1.0 - ranking.tie_term / (n * (n - 1.0)));
    if (variance > 0.0) {
        const double far = std::max(u, n_a * n_b - u) - n_a * n_b / 2.0 - 0.5;
        result.p_value = std::min(1.0, 2.0 * (1.0 - normal_cdf(far / std::sqrt(variance))));
    }
    return result;
}

Result<TestResult> two_proportion_z_test(const Proportion& a, const Proportion& b) {
    if (a.trials == 0 || b.trials == 0 || a.successes > a.trials || b.successes > b.trials) {
        return Error{
            ErrorCode::kInvalid, "each side needs at least one trial and no more successes than trials"
        };
    }
    const auto n_a = static_cast<double>(a.trials);
    const auto n_b = static_cast<double>(b.trials);
    const auto share = [](const Proportion& side) {
        return static_cast<double>(side.successes) / static_cast<double>(side.trials);
    };
    TestResult result{.test = "two_proportion_z", .difference = share(b) - share(a)};
    const double pooled = static_cast<double>(a.successes + b.successes) / (n_a + n_b);
    const double error = std::sqrt(pooled * (1.0 - pooled) * (1.0 / n_a + 1.0 / n_b));
    if (error > 0.0) {
        result.statistic = result.difference / error;
        result.p_value = two_sided_normal_p(result.statistic);
    }
    return result;
}

Result<double> cohen_d(Sample a, Sample b) {
    if (auto fine = check_samples(a, b, 2); !fine) {
        return fine.error();
    }
    const auto n_a = static_cast<double>(a.size());
    const auto n_b = static_cast<double>(b.size());
    const double pooled = ((n_a - 1.0) * variance_of(a) + (n_b - 1.0) * variance_of(b)) / (n_a + n_b - 2.0);
    if (pooled == 0.0) {
        return Error{ErrorCode::kInvalid, "both samples are constant: there is no deviation to measure by"};
    }
    return (mean_of(b) - mean_of(a)) / std::sqrt(pooled);
}

Result<double> cliff_delta(Sample a, Sample b) {
    if (auto fine = check_samples(a, b, 1); !fine) {
        return fine.error();
    }
    const auto n_a = static_cast<double>(a.size());
    const auto n_b = static_cast<double>(b.size());
    return 1.0 - 2.0 * u_of(rank(a, b), n_a) / (n_a * n_b);
}

}  // namespace capstan::metrics
