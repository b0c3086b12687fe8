// The low-rank kernels as their definition says, for any processor.

#include "engine/kernels/lora_tables.h"

namespace capstan::engine::kernels {
namespace {

void inner(const LoraInnerWork& work) {
    for (std::int64_t row = 0; row < work.rows; ++row) {
        for (std::int64_t rank = 0; rank < kLoraRanks; ++rank) {
            float sum = 0;
            for (std::int64_t column = 0; column < work.columns; ++column) {
                const std::int64_t group = column / kLoraColumns * kLoraRanks + rank;
                const float weight =
                    weight_at(work.tile, work.type, group * kLoraColumns + column % kLoraColumns);
                sum += weight * work.x[row][column];
            }
            work.inner[row][rank] = sum;
        }
    }
}

void outer(const LoraOuterWork& work) {
    for (std::int64_t row = 0; row < work.rows; ++row) {
        for (std::int64_t output = 0; output < work.outputs; ++output) {
            float sum = 0;
            for (std::int64_t rank = 0; rank < work.ranks; ++rank) {
                sum += work.inner[row][rank] * weight_at(work.tile, work.type, rank * kLoraOutputs + output);
            }
            work.y[row][output] += work.scale * sum;
        }
    }
}

}  // namespace

const LoraTable kScalarLora = {.inner = inner, .outer = outer};

}  // namespace capstan::engine::kernels
