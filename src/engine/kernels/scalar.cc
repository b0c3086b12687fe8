// The scalar kernels: the definition that the fast ones are tested against.

#include <algorithm>
#include <cmath>

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

void swiglu(const SwigluWork& work) {
    for (std::int64_t i = 0; i < work.count; ++i) {
        work.out[i] = work.gate[i] / (1.0F + std::exp(-work.gate[i])) * work.up[i];
    }
}

void add(const AddWork& work) {
    for (std::int64_t i = 0; i < work.count; ++i) {
        work.y[i] += work.scale * work.x[i];
    }
}

}  // namespace

const KernelTable kScalarKernels = {
    .isa = Isa::kScalar,
    .matmul = matmul,
    .rms_norm = rms_norm,
    .rope = rope,
    .swiglu = swiglu,
    .add = add,
};

}  // namespace capstan::engine::kernels
