// The low-rank kernels as their definition says, for any processor.

#include <cstring>

#include "engine/kernels/lora_tables.h"

namespace capstan::engine::kernels {
namespace {

float scale_at(const std::byte* scales, std::int64_t index) {
    float scale;
    std::memcpy(&scale, scales + index * 4, sizeof scale);
    return scale;
}

float code_at(const std::byte* codes, std::int64_t index) {
    return static_cast<float>(static_cast<std::int8_t>(codes[index]));
}

// Where a rank's element is among those of 8 ranks.
std::int64_t place_of(std::int64_t rank, std::int64_t column) {
    return (column / kLoraColumns * kLoraRanks + rank) * kLoraColumns + column % kLoraColumns;
}

float a_at(const LoraInnerWork& work, std::int64_t rank, std::int64_t column) {
    if (work.type != DataType::kI8) {
        return weight_at(work.tile, work.type, place_of(rank, column));
    }
    const std::byte* block = work.tile + column / kLoraScaled * kLoraScaledBytes;
    return scale_at(block, rank) * code_at(block + kLoraScaleBytes, place_of(rank, column % kLoraScaled));
}

float b_at(const LoraOuterWork& work, std::int64_t rank, std::int64_t output) {
    const std::int64_t place = rank * kLoraOutputs + output;
    if (work.type != DataType::kI8) {
        return weight_at(work.tile, work.type, place);
    }
    return scale_at(work.tile, rank) * code_at(work.tile + work.ranks * 4, place);
}

void inner(const LoraInnerWork& work) {
    for (std::int64_t row = 0; row < work.rows; ++row) {
        for (std::int64_t rank = 0; rank < kLoraRanks; ++rank) {
            float sum = 0;
            for (std::int64_t column = 0; column < work.columns; ++column) {
                sum += a_at(work, rank, column) * work.x[row][column];
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
                sum += work.inner[row][rank] * b_at(work, rank, output);
            }
            work.y[row][output] += work.scale * sum;
        }
    }
}

}  // namespace

const LoraTable kScalarLora = {.inner = inner, .outer = outer};

}  // namespace capstan::engine::kernels
