#pragma once

// Confidence intervals by drawing again from the sample (Efron 1979), percentiles of the draws. The same seed
// gives the same interval on every machine.

#include <cstdint>
#include <functional>
#include <span>

#include "base/result.h"

namespace capstan::metrics {

struct BootstrapSettings {
    std::size_t resamples = 2'000;
    double confidence = 0.95;
    std::uint64_t seed = 1;
};

struct Interval {
    double estimate = 0.0;  // Of the sample itself.
    double low = 0.0;
    double high = 0.0;
};

// Of the items with these numbers; a number may come more than once.
using Statistic = std::function<double(std::span<const std::uint32_t> items)>;

// All are kInvalid for an empty sample, sides of different length where they are pairs, values that are not
// finite, or settings out of range (resamples 100 to 1,000,000, confidence 0.5 to below 1). Cost: resamples *
// items.

// Any statistic over `items`, such as a corpus's BLEU from its segments' statistics.
Result<Interval> bootstrap(std::size_t items, const Statistic& statistic, const BootstrapSettings& settings);

Result<Interval> bootstrap_mean(std::span<const double> values, const BootstrapSettings& settings);

// sum(numerators) / sum(denominators), such as a corpus's bits per byte over its documents.
Result<Interval> bootstrap_ratio(
    std::span<const double> numerators,
    std::span<const double> denominators,
    const BootstrapSettings& settings
);

// mean(b) - mean(a), where a[i] and b[i] are of the same item: items are drawn.
Result<Interval> bootstrap_paired_difference(
    std::span<const double> a, std::span<const double> b, const BootstrapSettings& settings
);

// mean(b) - mean(a) of separate samples: each is drawn for itself.
Result<Interval> bootstrap_difference(
    std::span<const double> a, std::span<const double> b, const BootstrapSettings& settings
);

}  // namespace capstan::metrics
