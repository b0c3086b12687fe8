#pragma once

// How small a difference a comparison of so many values can show: said beside every verdict, so that "no
// difference found" is not taken for "no difference".

#include <cstdint>
#include <string>

#include "base/result.h"

namespace capstan::metrics {

struct PowerSettings {
    double alpha = 0.05;  // Two-sided level of the test, above 0 and below 1.
    double power = 0.8;   // Chance to find a difference that is there, above 0 and below 1.
};

struct SampleSummary {
    std::uint64_t count = 0;
    double deviation = 0.0;  // Standard deviation of one value; for pairs, of the difference.
};

// The least difference of means that separate samples show with that power (normal approximation).
Result<double> minimum_detectable_difference(
    const SampleSummary& a, const SampleSummary& b, const PowerSettings& settings
);

// The same for pairs, from their differences.
Result<double> minimum_detectable_paired_difference(
    const SampleSummary& differences, const PowerSettings& settings
);

// Values on each side, of a common deviation, to show `difference` with that power.
Result<std::uint64_t> samples_needed(double difference, double deviation, const PowerSettings& settings);

// One sentence for a person: "200 and 40 answers show a difference of 0.081 or more (80 % power, 5 % level)".
Result<std::string> power_note(const SampleSummary& a, const SampleSummary& b, const PowerSettings& settings);

}  // namespace capstan::metrics
