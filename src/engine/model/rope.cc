#include "engine/model/rope.h"

#include <cmath>
#include <numbers>

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

}  // namespace

std::vector<float> rope_frequencies(const RopeConfig& rope, std::int64_t head_dim) {
    std::vector<float> frequencies;
    for (std::int64_t i = 0; i < head_dim; i += 2) {
        const float exponent = static_cast<float>(i) / static_cast<float>(head_dim);
        float frequency = 1.0F / std::pow(static_cast<float>(rope.theta), exponent);
        if (rope.scaling == RopeScaling::kLinear) {
            frequency /= static_cast<float>(rope.factor);
        } else if (rope.scaling == RopeScaling::kLlama3) {
            frequency = scale_llama3(frequency, rope);
        }
        frequencies.push_back(frequency);
    }
    return frequencies;
}

}  // namespace capstan::engine
