#include "engine/model/elementwise.h"

#include <algorithm>

namespace capstan::engine {
namespace {

kernels::ActivationKind kind_of(Activation activation) {
    switch (activation) {
        case Activation::kGelu:
            return kernels::ActivationKind::kGelu;
        case Activation::kGeluTanh:
            return kernels::ActivationKind::kGeluTanh;
        case Activation::kSilu:
            break;
    }
    return kernels::ActivationKind::kSilu;
}

}  // namespace

void RowMath::normalise(const Norm& norm, const float* x, float* out, std::int64_t count) const {
    if (norm.empty()) {
        std::copy_n(x, count, out);
    } else if (config_.norm == NormKind::kLayer) {
        kernels_.layer_norm({
            .x = x,
            .weight = norm.weight.data(),
            .bias = norm.bias.data(),
            .out = out,
            .count = count,
            .epsilon = static_cast<float>(config_.norm_epsilon),
        });
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
    kernels_.activate(
        {.kind = kind_of(config_.activation), .gate = gate, .up = up, .out = out, .count = count}
    );
}

void RowMath::add(float* y, const float* x, float scale, std::int64_t count) const {
    kernels_.add({.y = y, .x = x, .scale = scale, .count = count});
}

void RowMath::soft_cap(float* x, float cap, std::int64_t count) const {
    kernels_.soft_cap({.x = x, .cap = cap, .count = count});
}

void RowMath::add_bias(float* y, const Linear& linear) const {
    if (!linear.bias.empty()) {
        add(y, linear.bias.data(), 1, static_cast<std::int64_t>(linear.bias.size()));
    }
}

}  // namespace capstan::engine
