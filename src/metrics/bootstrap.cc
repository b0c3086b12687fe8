#include "metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "metrics/random.h"

namespace capstan::metrics {
namespace {

Result<void> check_settings(const BootstrapSettings& settings) {
    constexpr std::size_t kResamplesMin = 100;
    constexpr std::size_t kResamplesMax = 1'000'000;
    if (settings.resamples < kResamplesMin || settings.resamples > kResamplesMax) {
        return Error{ErrorCode::kInvalid, "resamples must be 100 to 1000000"};
    }
    if (!(settings.confidence >= 0.5 && settings.confidence < 1.0)) {
        return Error{ErrorCode::kInvalid, "confidence must be from 0.5 to below 1"};
    }
    return {};
}

Result<void> check_sample(std::span<const double> values, std::string_view name) {
    if (values.empty()) {
        return Error{ErrorCode::kInvalid, std::string(name) + " is empty"};
    }
    if (!std::ranges::all_of(values, [](double value) { return std::isfinite(value); })) {
        return Error{ErrorCode::kInvalid, std::string(name) + " holds a value that is not finite"};
    }
    return {};
}

Result<void> check_two(std::span<const double> a, std::span<const double> b) {
    auto fine = check_sample(a, "the first sample");
    return fine ? check_sample(b, "the second sample") : fine;
}

Result<void> check_pairs(std::span<const double> a, std::span<const double> b) {
    if (a.size() != b.size()) {
        return Error{
            ErrorCode::kInvalid,
            "pairs need two samples of one length; there are " + std::to_string(a.size()) + " and " +
                std::to_string(b.size()) + " values"
        };
    }
    return check_two(a, b);
}

// Between the two nearest of sorted values (R's type 7, NumPy's default).
double quantile(const std::vector<double>& sorted, double probability) {
    const double place = probability * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Interval interval_of(double estimate, std::vector<double> draws, double confidence) {
    std::ranges::sort(draws);
    const double tail = (1.0 - confidence) / 2.0;
    return {.estimate = estimate, .low = quantile(draws, tail), .high = quantile(draws, 1.0 - tail)};
}

double mean_of(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double drawn_mean(std::span<const double> values, Random& random) {
    double sum = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        sum += values[random.below(values.size())];
    }
    return sum / static_cast<double>(values.size());
}

}  // namespace

Result<Interval> bootstrap(std::size_t items, const Statistic& statistic, const BootstrapSettings& settings) {
    if (auto fine = check_settings(settings); !fine) {
        return fine.error();
    }
    if (items == 0 || items > 0xFFFFFFFF) {
        return Error{ErrorCode::kInvalid, "the sample is empty or has more than 2^32 items"};
    }
    std::vector<std::uint32_t> drawn(items);
    std::iota(drawn.begin(), drawn.end(), 0U);
    const double estimate = statistic(drawn);
    Random random(settings.seed);
    std::vector<double> draws(settings.resamples);
    for (auto& draw : draws) {
        for (auto& item : drawn) {
            item = static_cast<std::uint32_t>(random.below(items));
        }
        draw = statistic(drawn);
    }
    return interval_of(estimate, std::move(draws), settings.confidence);
}

Result<Interval> bootstrap_mean(std::span<const double> values, const BootstrapSettings& settings) {
    if (auto fine = check_sample(values, "the sample"); !fine) {
        return fine.error();
    }
    return bootstrap(
        values.size(),
        [values](std::span<const std::uint32_t> items) {
            double sum = 0.0;
            for (const auto item : items) {
                sum += values[item];
            }
            return sum / static_cast<double>(items.size());
        },
        settings
    );
}

Result<Interval> bootstrap_ratio(
    std::span<const double> numerators,
    std::span<const double> denominators,
    const BootstrapSettings& settings
) {
    if (auto fine = check_pairs(numerators, denominators); !fine) {
        return fine.error();
    }
    if (!std::ranges::all_of(denominators, [](double value) { return value > 0.0; })) {
        return Error{ErrorCode::kInvalid, "each denominator must be above 0"};
    }
    return bootstrap(
        numerators.size(),
        [=](std::span<const std::uint32_t> items) {
            double numerator = 0.0;
            double denominator = 0.0;
            for (const auto item : items) {
                numerator += numerators[item];
                denominator += denominators[item];
            }
            return numerator / denominator;
        },
        settings
    );
}

Result<Interval> bootstrap_paired_difference(
    std::span<const double> a, std::span<const double> b, const BootstrapSettings& settings
) {
    if (auto fine = check_pairs(a, b); !fine) {
        return fine.error();
    }
    std::vector<double> differences(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        differences[i] = b[i] - a[i];
    }
    return bootstrap_mean(differences, settings);
}

Result<Interval> bootstrap_difference(
    std::span<const double> a, std::span<const double> b, const BootstrapSettings& settings
) {
    auto fine = check_settings(settings);
    fine = fine ? check_two(a, b) : fine;
    if (!fine) {
        return fine.error();
    }
    Random random(settings.seed);
    std::vector<double> draws(settings.resamples);
    for (auto& draw : draws) {
        const double first = drawn_mean(a, random);
        draw = drawn_mean(b, random) - first;
    }
    return interval_of(mean_of(b) - mean_of(a), std::move(draws), settings.confidence);
}

}  // namespace capstan::metrics
