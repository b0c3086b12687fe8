#include "engine/sampling/many_candidates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/kernels/reductions.h"

namespace capstan::engine {
namespace {

constexpr std::size_t kParts = 4096;
constexpr std::size_t kSorted = 256;  // So few are sorted.
constexpr std::size_t kBlock = 1024;  // Of weights, summed by itself.
constexpr std::size_t kLanes = 8;     // Sums side by side, which the compiler makes vectors of.
constexpr float kLast = std::numeric_limits<float>::infinity();
// A token that weighs more than nothing is no farther below the most probable one, in units of the
// temperature.
constexpr float kDeepest = 87;

template <typename Value>
double sum_of(std::size_t count, const Value& value) {
    std::array<double, kLanes> sums{};
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            sums[lane] += value(i + lane);
        }
    }
    for (; i < count; ++i) {
        sums[0] += value(i);
    }
    double all = 0;
    for (const double sum : sums) {
        all += sum;
    }
    return all;
}

double sum_of(std::span<const float> values) {
    return sum_of(values.size(), [&](std::size_t i) { return static_cast<double>(values[i]); });
}

// Cuts a range of keys into parts, in their order.
struct Scale {
    float low = 0;
    float factor = 0;

    // Of keys from `low` to `high`; others go to the first and the last part.
    static Scale over(float low, float high) {
        return {.low = low, .factor = static_cast<float>(kParts - 1) / (high - low)};
    }

    bool is_usable() const { return std::isfinite(factor) && factor > 0; }

    std::uint16_t part(float key) const {
        const float place = std::clamp((key - low) * factor, 0.0F, static_cast<float>(kParts - 1));
        return static_cast<std::uint16_t>(static_cast<std::int32_t>(place));
    }
};

// The part in which the sum crosses `enough`, the last one if none does; `reached` gets what lies before.
std::size_t crossing(std::span<const double> parts, double enough, double& reached) {
    std::size_t part = 0;
    while (part + 1 < parts.size() && reached + parts[part] < enough) {
        reached += parts[part];
        ++part;
    }
    return part;
}

}  // namespace

void ManyCandidates::filter(std::span<const float> logits, float largest, const llm::Sampling& sampling) {
    const auto count = logits.size();
    weights_.resize(count);
    keys_.resize(count);
    part_of_.resize(count);
    kernels::best_reductions().exps(
        {.x = logits.data(),
         .count = std::ssize(logits),
         .shift = largest,
         .scale = static_cast<float>(1 / sampling.temperature)},
        weights_.data()
    );
    range_ = kDeepest * static_cast<float>(sampling.temperature);
    if (sampling.min_p > 0) {
        const auto least = static_cast<float>(sampling.min_p);
        for (float& weight : weights_) {
            weight = weight < least ? 0 : weight;
        }
    }
    if (sampling.top_k > 0) {
        order_by_logit(logits, largest);
        keep_first({.measure = Measure::kCount, .enough = static_cast<double>(sampling.top_k)});
    }
    if (sampling.typical_p < 1) {
        order_by_surprise(logits);
        keep_first({.measure = Measure::kWeight, .enough = sampling.typical_p});
    }
    if (sampling.top_p < 1) {
        order_by_logit(logits, largest);
        keep_first({.measure = Measure::kWeight, .enough = sampling.top_p});
    }
}

void ManyCandidates::order_by_logit(std::span<const float> logits, float largest) {
    for (std::size_t i = 0; i < logits.size(); ++i) {
        keys_[i] = -logits[i];
    }
    least_key_ = -largest;
}

// A token's surprise falls with its logit, in a straight line, and the expected surprise is that of the
// expected logit: the nearest in surprise are the nearest to that.
void ManyCandidates::order_by_surprise(std::span<const float> logits) {
    const double weighted = sum_of(logits.size(), [&](std::size_t i) {
        // Minus infinity weighs nothing, and times nothing is no number.
        const float logit = std::max(logits[i], std::numeric_limits<float>::lowest());
        return static_cast<double>(weights_[i]) * static_cast<double>(logit);
    });
    const auto expected = static_cast<float>(weighted / sum_of(weights_));
    for (std::size_t i = 0; i < logits.size(); ++i) {
        keys_[i] = std::abs(logits[i] - expected);
    }
    least_key_ = 0;
}

// Leaves the first in the order of the keys, as few as have enough together; all, if all have not.
void ManyCandidates::keep_first(const Wanted& wanted) {
    double enough = 0;
    double reached = 0;
    const std::uint16_t part = gather_crossing(wanted, enough, reached);
    while (items_.size() > kSorted) {
        const std::size_t before = items_.size();
        reached = narrow(enough, reached);
        if (items_.size() == before) {
            break;
        }
    }
    std::ranges::sort(items_, {}, [](const Item& item) { return std::pair(item.key, item.index); });
    std::pair<float, std::int32_t> last = {kLast, 0};
    for (const Item& item : items_) {
        if (reached >= enough) {
            break;
        }
        reached += static_cast<double>(item.measure);
        last = {item.key, item.index};
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) {
        weights_[i] = part_of_[i] > part ? 0 : weights_[i];
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) {
        if (part_of_[i] == part && std::pair(keys_[i], static_cast<std::int32_t>(i)) > last) {
            weights_[i] = 0;
        }
    }
}

// Finds the part of all tokens in which the last one needed is, which becomes the items.
//   enough   Gets the sum to reach.
//   reached  Gets what lies before the part.
std::uint16_t ManyCandidates::gather_crossing(const Wanted& wanted, double& enough, double& reached) {
    const Scale scale = Scale::over(least_key_, least_key_ + range_);
    for (std::size_t i = 0; i < keys_.size(); ++i) {
        part_of_[i] = scale.part(keys_[i]);
    }
    const bool is_count = wanted.measure == Measure::kCount;
    parts_.assign(kParts, 0);
    for (std::size_t i = 0; i < keys_.size(); ++i) {
        const double one = weights_[i] > 0 ? 1 : 0;
        parts_[part_of_[i]] += is_count ? one : static_cast<double>(weights_[i]);
    }
    enough = wanted.enough;
    if (!is_count) {
        enough *= sum_of(parts_.size(), [this](std::size_t i) { return parts_[i]; });
    }
    const auto part = static_cast<std::uint16_t>(crossing(parts_, enough, reached));
    items_.clear();
    for (std::size_t i = 0; i < keys_.size(); ++i) {
        if (part_of_[i] == part && weights_[i] > 0) {
            items_.push_back(
                {.key = keys_[i], .measure = is_count ? 1 : weights_[i], .index = static_cast<std::int32_t>(i)
                }
            );
        }
    }
    return part;
}

// The same among the items. None is dropped when their keys are too near to each other to be told apart.
double ManyCandidates::narrow(double enough, double reached) {
    const auto [low, high] = std::ranges::minmax(items_, {}, &Item::key);
    const Scale scale = Scale::over(low.key, high.key);
    if (!scale.is_usable()) {
        return reached;
    }
    parts_.assign(kParts, 0);
    for (const Item& item : items_) {
        parts_[scale.part(item.key)] += static_cast<double>(item.measure);
    }
    const std::size_t part = crossing(parts_, enough, reached);
    narrower_.clear();
    std::ranges::copy_if(items_, std::back_inserter(narrower_), [&](const Item& item) {
        return scale.part(item.key) == part;
    });
    std::swap(items_, narrower_);
    return reached;
}

llm::TokenId ManyCandidates::draw(double uniform) {
    const std::span<const float> all = weights_;
    parts_.clear();
    for (std::size_t begin = 0; begin < all.size(); begin += kBlock) {
        parts_.push_back(sum_of(all.subspan(begin, std::min(kBlock, all.size() - begin))));
    }
    double left = uniform * sum_of(parts_.size(), [this](std::size_t i) { return parts_[i]; });
    std::size_t block = 0;
    while (block + 1 < parts_.size() && left >= parts_[block]) {
        left -= parts_[block];
        ++block;
    }
    // The first one behind, or the last one before, where rounding leaves something.
    std::size_t chosen = all.size();
    for (std::size_t i = block * kBlock; i < all.size() && (left >= 0 || chosen == all.size()); ++i) {
        left -= static_cast<double>(all[i]);
        chosen = all[i] > 0 ? i : chosen;
    }
    while (chosen == all.size() || all[chosen] == 0) {
        --chosen;
    }
    return static_cast<llm::TokenId>(chosen);
}

std::vector<TokenProbability> ManyCandidates::distribution() const {
    const double sum = sum_of(weights_);
    std::vector<TokenProbability> probabilities;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
        if (weights_[i] > 0) {
            probabilities.push_back(
                {.token = static_cast<llm::TokenId>(i),
                 .log_probability = std::log(static_cast<double>(weights_[i]) / sum)}
            );
        }
    }
    return probabilities;
}

}  // namespace capstan::engine
