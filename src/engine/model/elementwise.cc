#include "engine/model/elementwise.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace capstan::engine {
namespace {

// (x - mean) / √(variance + epsilon) · weight + bias (Ba et al. 2016).
void layer_norm(const Norm& norm, const float* x, float* out, std::int64_t count, double epsilon) {
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        sum += static_cast<double>(x[i]);
    }
    const double mean = sum / static_cast<double>(count);
    double squares = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const double difference = static_cast<double>(x[i]) - mean;
        squares += difference * difference;
    }
    const auto scale = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(count) + epsilon));
    for (std::int64_t i = 0; i < count; ++i) {
        const auto index = static_cast<std::size_t>(i);
        out[i] = (x[i] - static_cast<float>(mean)) * scale * norm.weight[index] + norm.bias[index];
    }
}

float silu(float x) {
    return x / (1 + std::exp(-x));
}

float gelu(float x) {
    return 0.5F * x * (1 + std::erf(x * std::numbers::sqrt2_v<float> / 2));
}

float gelu_tanh(float x) {
    constexpr float kRoot = 0.7978845608F;  // √(2 / π)
    return 0.5F * x * (1 + std::tanh(kRoot * (x + 0.044715F * x * x * x)));
}

template <float (*kActivation)(float)>
void activate_each(const float* gate, const float* up, float* out, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = gate == nullptr ? kActivation(up[i]) : kActivation(gate[i]) * up[i];
    }
}

}  // namespace

void RowMath::normalise(const Norm& norm, const float* x, float* out, std::int64_t count) const {
    if (norm.empty()) {
        std::copy_n(x, count, out);
    } else if (config_.norm == NormKind::kLayer) {
        layer_norm(norm, x, out, count, config_.norm_epsilon);
    } else {
        kernels_.rms_norm({
            .x = x,
            .weight = norm.weight.data(),
            .out = out,
            .count = count,
            .epsilon = static_cast<float>(config_.norm_epsilon),
        });
    }
}

void RowMath::activate(const float* gate, const float* up, float* out, std::int64_t count) const {
    switch (config_.activation) {
        case Activation::kGelu:
            activate_each<gelu>(gate, up, out, count);
            return;
        case Activation::kGeluTanh:
            activate_each<gelu_tanh>(gate, up, out, count);
            return;
        case Activation::kSilu:
            break;
    }
    if (gate == nullptr) {
        activate_each<silu>(gate, up, out, count);
    } else {
        kernels_.swiglu({.gate = gate, .up = up, .out = out, .count = count});
    }
}

void RowMath::add(float* y, const float* x, float scale, std::int64_t count) const {
    kernels_.add({.y = y, .x = x, .scale = scale, .count = count});
}

void RowMath::add_bias(float* y, const Linear& linear) const {
    if (!linear.bias.empty()) {
        add(y, linear.bias.data(), 1, static_cast<std::int64_t>(linear.bias.size()));
    }
}

void soft_cap(std::span<float> values, float cap) {
    for (float& value : values) {
        value = cap * std::tanh(value / cap);
    }
}

}  // namespace capstan::engine
