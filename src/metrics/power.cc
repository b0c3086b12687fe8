#include "metrics/power.h"

#include <cmath>

#include <fmt/format.h>

#include "metrics/distributions.h"

namespace capstan::metrics {
namespace {

Result<double> quantiles_sum(const PowerSettings& settings) {
    const auto is_share = [](double value) { return value > 0.0 && value < 1.0; };
    if (!is_share(settings.alpha) || !is_share(settings.power)) {
        return Error{ErrorCode::kInvalid, "alpha and power must be above 0 and below 1"};
    }
    return normal_quantile(1.0 - settings.alpha / 2.0) + normal_quantile(settings.power);
}

Result<void> check(const SampleSummary& sample) {
    if (sample.count == 0 || !std::isfinite(sample.deviation) || sample.deviation < 0.0) {
        return Error{ErrorCode::kInvalid, "a sample needs values and a finite deviation of at least 0"};
    }
    return {};
}

double squared_error(const SampleSummary& sample) {
    return sample.deviation * sample.deviation / static_cast<double>(sample.count);
}

}  // namespace

Result<double> minimum_detectable_difference(
    const SampleSummary& a, const SampleSummary& b, const PowerSettings& settings
) {
    const auto quantiles = quantiles_sum(settings);
    if (!quantiles) {
        return quantiles.error();
    }
    auto fine = check(a);
    fine = fine ? check(b) : fine;
    if (!fine) {
        return fine.error();
    }
    return *quantiles * std::sqrt(squared_error(a) + squared_error(b));
}

Result<double> minimum_detectable_paired_difference(
    const SampleSummary& differences, const PowerSettings& settings
) {
    return minimum_detectable_difference(differences, {.count = 1, .deviation = 0.0}, settings);
}

Result<std::uint64_t> samples_needed(double difference, double deviation, const PowerSettings& settings) {
    constexpr double kSamplesMax = 1e15;
    const auto quantiles = quantiles_sum(settings);
    if (!quantiles) {
        return quantiles.error();
    }
    if (!std::isfinite(difference) || difference == 0.0 || !std::isfinite(deviation) || deviation < 0.0) {
        return Error{
            ErrorCode::kInvalid,
            "the difference must not be 0 and the deviation must be finite and at least 0"
        };
    }
    const double ratio = *quantiles * deviation / difference;
    const double needed = std::ceil(2.0 * ratio * ratio);
    if (needed > kSamplesMax) {
        return Error{ErrorCode::kInvalid, "so small a difference cannot be shown with any number of samples"};
    }
    return static_cast<std::uint64_t>(std::fmax(needed, 1.0));
}

Result<std::string> power_note(
    const SampleSummary& a, const SampleSummary& b, const PowerSettings& settings
) {
    const auto least = minimum_detectable_difference(a, b, settings);
    if (!least) {
        return least.error();
    }
    if (*least == 0) {
        return fmt::format(
            "all {} and {} answers scored alike, so that no test can tell more", a.count, b.count
        );
    }
    return fmt::format(
        "{} and {} answers show a difference of {:.3g} or more ({:.0f} % power, {:.2g} % level)",
        a.count,
        b.count,
        *least,
        100.0 * settings.power,
        100.0 * settings.alpha
    );
}

}  // namespace capstan::metrics
