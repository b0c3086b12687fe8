#include "app/comparison.h"

#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "metrics/bootstrap.h"
#include "metrics/power.h"
#include "metrics/significance.h"

namespace capstan::app {
namespace {

constexpr std::size_t kScoresMin = 5;
constexpr double kLevel = 0.05;

double mean_of(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

metrics::SampleSummary summary_of(const std::vector<double>& values) {
    const double mean = mean_of(values);
    double squares = 0;
    for (const double value : values) {
        squares += (value - mean) * (value - mean);
    }
    return {values.size(), std::sqrt(squares / static_cast<double>(values.size() - 1))};
}

void conclude(const Arm& baseline, const Arm& challenger, Comparison& comparison) {
    const bool differs = comparison.p_value <= kLevel && comparison.difference != 0;
    const std::string numbers = fmt::format(
        "{:.3f} over {} answers against {:.3f} over {} (difference {:+.3f}, 95 % interval [{:+.3f}, "
        "{:+.3f}], p = {:.4f})",
        comparison.challenger_mean,
        challenger.scores.size(),
        comparison.baseline_mean,
        baseline.scores.size(),
        comparison.difference,
        comparison.low,
        comparison.high,
        comparison.p_value
    );
    if (!differs) {
        comparison.outcome = deployments::Outcome::kKeep;
        comparison.reason = fmt::format(
            "'{}' cannot be told from '{}': {}; {}",
            challenger.label,
            baseline.label,
            numbers,
            comparison.power_note
        );
        return;
    }
    const bool better = comparison.difference > 0;
    comparison.outcome = better ? deployments::Outcome::kPromote : deployments::Outcome::kRollBack;
    comparison.reason = fmt::format(
        "'{}' is {} than '{}': {}", challenger.label, better ? "better" : "worse", baseline.label, numbers
    );
}

}  // namespace

Result<Comparison> compare_arms(const Arm& baseline, const Arm& challenger) {
    for (const Arm* arm : {&baseline, &challenger}) {
        if (arm->scores.size() < kScoresMin) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format(
                    "'{}' has {} scored answers; a comparison needs {}",
                    arm->label,
                    arm->scores.size(),
                    kScoresMin
                )
            };
        }
    }
    const auto interval = metrics::bootstrap_difference(baseline.scores, challenger.scores, {});
    const auto test = metrics::permutation_test(baseline.scores, challenger.scores, {});
    const auto note = metrics::power_note(summary_of(baseline.scores), summary_of(challenger.scores), {});
    if (!interval || !test) {
        return interval ? test.error() : interval.error();
    }
    Comparison comparison{
        .baseline_mean = mean_of(baseline.scores),
        .challenger_mean = mean_of(challenger.scores),
        .difference = interval->estimate,
        .low = interval->low,
        .high = interval->high,
        .p_value = test->p_value,
        .power_note = note ? *note : "",
        .reason = "",
    };
    conclude(baseline, challenger, comparison);
    return comparison;
}

Json to_json(const Comparison& comparison) {
    return Json::object(
        {{"baseline_mean", comparison.baseline_mean},
         {"challenger_mean", comparison.challenger_mean},
         {"difference", comparison.difference},
         {"low", comparison.low},
         {"high", comparison.high},
         {"p_value", comparison.p_value},
         {"power_note", comparison.power_note},
         {"outcome", name_of(comparison.outcome)},
         {"reason", comparison.reason}}
    );
}

}  // namespace capstan::app
