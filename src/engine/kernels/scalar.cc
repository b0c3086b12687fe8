// The scalar kernels: the definition that the fast ones are tested against.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/kernels/tables.h"

namespace capstan::engine::kernels {
namespace {

void matmul(const MatmulWork& work) {
    const WeightMatrix& weights = work.weights;
    for (std::int64_t token = 0; token < work.tokens; ++token) {
        const float* x = work.x + token * weights.columns;
        for (std::int64_t row = work.row_begin; row < work.row_end; ++row) {
            float sum = 0;
            for (std::int64_t column = 0; column < weights.columns; ++column) {
                sum += x[column] * weight_at(weights.data, weights.type, row * weights.columns + column);
            }
            work.y[token * weights.rows + row] = sum;
        }
    }
}

void rms_norm(const RmsNormWork& work) {
    float squares = 0;
    for (std::int64_t i = 0; i < work.count; ++i) {
        squares += work.x[i] * work.x[i];
    }
    const float scale = 1.0F / std::sqrt(squares / static_cast<float>(work.count) + work.epsilon);
    for (std::int64_t i = 0; i < work.count; ++i) {
        work.out[i] = work.x[i] * scale * work.weight[i];
    }
}

void rope(const RopeWork& work) {
    const std::int64_t half = work.head_dim / 2;
    for (std::int64_t head = 0; head < work.heads; ++head) {
        float* first = work.x + head * work.head_dim;
        float* second = first + half;
        for (std::int64_t i = 0; i < half; ++i) {
            const float a = first[i];
            const float b = second[i];
            first[i] = a * work.cosines[i] - b * work.sines[i];
            second[i] = b * work.cosines[i] + a * work.sines[i];
        }
    }
}

void add(const AddWork& work) {
    for (std::int64_t i = 0; i < work.count; ++i) {
        work.y[i] += work.scale * work.x[i];
    }
}

void layer_norm(const LayerNormWork& work) {
    double sum = 0;
    for (std::int64_t i = 0; i < work.count; ++i) {
        sum += static_cast<double>(work.x[i]);
    }
    const double mean = sum / static_cast<double>(work.count);
    double squares = 0;
    for (std::int64_t i = 0; i < work.count; ++i) {
        const double difference = static_cast<double>(work.x[i]) - mean;
        squares += difference * difference;
    }
    const double variance = squares / static_cast<double>(work.count);
    const auto scale = static_cast<float>(1 / std::sqrt(variance + static_cast<double>(work.epsilon)));
    for (std::int64_t i = 0; i < work.count; ++i) {
        work.out[i] = (work.x[i] - static_cast<float>(mean)) * scale * work.weight[i] + work.bias[i];
    }
}

float activated(ActivationKind kind, float x) {
    constexpr float kRoot = 0.7978845608F;  // √(2 / π)
    switch (kind) {
        case ActivationKind::kSilu:
            return x / (1 + std::exp(-x));
        case ActivationKind::kGelu:
            return 0.5F * x * (1 + std::erf(x * std::numbers::sqrt2_v<float> / 2));
        case ActivationKind::kGeluTanh:
            return 0.5F * x * (1 + std::tanh(kRoot * (x + 0.044715F * x * x * x)));
    }
    return x;
}

void activate(const ActivationWork& work) {
    for (std::int64_t i = 0; i < work.count; ++i) {
        work.out[i] = work.gate == nullptr ? activated(work.kind, work.up[i])
                                           : activated(work.kind, work.gate[i]) * work.up[i];
    }
}

void soft_cap(const SoftCapWork& work) {
    for (std::int64_t i = 0; i < work.count; ++i) {
        work.x[i] = work.cap * std::tanh(work.x[i] / work.cap);
    }
}

}  // namespace

const KernelTable kScalarKernels = {
    .isa = Isa::kScalar,
    .matmul = matmul,
    .rms_norm = rms_norm,
    .rope = rope,
    .add = add,
    .layer_norm = layer_norm,
    .activate = activate,
    .soft_cap = soft_cap,
};

}  // namespace capstan::engine::kernels
