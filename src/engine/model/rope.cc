#include "engine/model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/model/row_loop.h"

namespace capstan::engine {
namespace {

// Llama 3.1's rule (transformers, modeling_rope_utils.py, _compute_llama3_parameters).
float scale_llama3(float frequency, const RopeConfig& rope) {
    const double wavelength = 2 * std::numbers::pi / static_cast<double>(frequency);
    const auto positions = static_cast<double>(rope.original_positions_max);
    if (wavelength < positions / rope.high_frequency_factor) {
        return frequency;
    }
    const float slowed = frequency / static_cast<float>(rope.factor);
    if (wavelength > positions / rope.low_frequency_factor) {
        return slowed;
    }
    const auto smooth = static_cast<float>(
        (positions / wavelength - rope.low_frequency_factor) /
        (rope.high_frequency_factor - rope.low_frequency_factor)
    );
    return (1 - smooth) * slowed + smooth * frequency;
}

// The dimension that turns `rotations` times within the original context (Peng et al. 2023, eq. 22).
double yarn_dimension(double rotations, const RopeConfig& rope, std::int64_t dimensions) {
    const auto positions = static_cast<double>(rope.original_positions_max);
    return static_cast<double>(dimensions) * std::log(positions / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(rope.theta));
}

// `pair` is the index of the frequency (transformers, _compute_yarn_parameters).
float scale_yarn(float frequency, const RopeConfig& rope, std::int64_t pair, std::int64_t dimensions) {
    const double low = std::max(std::floor(yarn_dimension(rope.beta_fast, rope, dimensions)), 0.0);
    double high = std::min(
        std::ceil(yarn_dimension(rope.beta_slow, rope, dimensions)), static_cast<double>(dimensions - 1)
    );
    if (high == low) {
        high += 0.001;
    }
    const auto ramp =
        static_cast<float>(std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0));
    return frequency / static_cast<float>(rope.factor) * ramp + frequency * (1 - ramp);
}

}  // namespace

std::vector<float> rope_frequencies(const RopeConfig& rope, std::int64_t head_dim) {
    const std::int64_t dimensions = rope.dimensions == 0 ? head_dim : rope.dimensions;
    std::vector<float> frequencies;
    for (std::int64_t i = 0; i < dimensions; i += 2) {
        const float exponent = static_cast<float>(i) / static_cast<float>(dimensions);
        const float slowness = std::pow(static_cast<float>(rope.theta), exponent);
        float frequency = 1.0F / slowness;
        switch (rope.scaling) {
            case RopeScaling::kNone:
                break;
            case RopeScaling::kLinear:
                frequency /= static_cast<float>(rope.factor);
                break;
            case RopeScaling::kLlama3:
                frequency = scale_llama3(frequency, rope);
                break;
            case RopeScaling::kYarn:
                frequency = scale_yarn(frequency, rope, i / 2, dimensions);
                break;
            case RopeScaling::kLong:
                frequency =
                    1.0F / (static_cast<float>(rope.divisors[static_cast<std::size_t>(i / 2)]) * slowness);
                break;
        }
        frequencies.push_back(frequency);
    }
    return frequencies;
}

Rotary::Rotary(const ModelConfig& config, const kernels::KernelTable& kernels)
    : kernels_(kernels), head_dim_(config.head_dim) {
    if (config.has_rope) {
        angles_.frequencies = rope_frequencies(config.rope, config.head_dim);
        angles_.factor = static_cast<float>(config.rope.attention_factor);
    }
    if (config.local_rope) {
        local_.frequencies = rope_frequencies(*config.local_rope, config.head_dim);
        local_.factor = static_cast<float>(config.local_rope->attention_factor);
    }
}

void Rotary::prepare(std::span<const BatchRow> rows, ThreadTeam& team) {
    fill(angles_, rows, team);
    fill(local_, rows, team);
}

void Rotary::fill(Angles& angles, std::span<const BatchRow> rows, ThreadTeam& team) {
    const auto half = static_cast<std::int64_t>(angles.frequencies.size());
    const auto count = static_cast<std::int64_t>(rows.size());
    grow(angles.cosines, count * half);
    grow(angles.sines, count * half);
    constexpr std::int64_t kSineWork = 20;  // A sine costs as much as so many additions.
    for_rows(team, count, half * kSineWork, [&](std::int64_t i) {
        const auto position = static_cast<float>(rows[static_cast<std::size_t>(i)].position);
        for (std::int64_t d = 0; d < half; ++d) {
            const float angle = position * angles.frequencies[static_cast<std::size_t>(d)];
            angles.cosines[static_cast<std::size_t>(i * half + d)] = std::cos(angle) * angles.factor;
            angles.sines[static_cast<std::size_t>(i * half + d)] = std::sin(angle) * angles.factor;
        }
    });
}

void Rotary::turn(std::int64_t row, bool is_local, float* x, std::int64_t heads) const {
    const Angles& angles = is_local ? local_ : angles_;
    const auto half = static_cast<std::int64_t>(angles.frequencies.size());
    if (half == 0) {
        return;
    }
    kernels::RopeWork work = {
        .x = x,
        .heads = heads,
        .head_dim = head_dim_,
        .cosines = angles.cosines.data() + row * half,
        .sines = angles.sines.data() + row * half,
    };
    if (2 * half == head_dim_) {
        kernels_.rope(work);
        return;
    }
    // Only the first dimensions of each head turn.
    work.heads = 1;
    work.head_dim = 2 * half;
    for (std::int64_t head = 0; head < heads; ++head) {
        work.x = x + head * head_dim_;
        kernels_.rope(work);
    }
}

}  // namespace capstan::engine
