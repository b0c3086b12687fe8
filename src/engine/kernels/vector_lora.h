#pragma once

// The low-rank kernels for any vector type S (simd_avx2.h, simd_avx512.h).
//
// Each product of a rank and a row is one chain of fused multiply-adds over the columns, then one sum: the
// same however many ranks and rows are computed side by side.

#include <cstdint>

#include "engine/kernels/lora.h"

namespace capstan::engine::kernels {

// Weights are asked for twice before they are needed, as in linear_products.h; what comes behind a tile is
// the next one. `offset` is that within what is read at a time: once a cache line is enough.
template <class S>
void ask_ahead(const std::byte* from, std::int64_t offset) {
    if (offset % 64 == 0) {
        __builtin_prefetch(from + 8 * 1024, 0, 2);
        __builtin_prefetch(from + 2 * 1024);
    }
}

template <class S, DataType kType, int kRanks, int kRows>
void lora_inner_block(const LoraInnerWork& work, std::int64_t first_rank, std::int64_t first_row) {
    constexpr std::int64_t kBytes = kType == DataType::kF32 ? 4 : 2;
    typename S::Vector sums[kRanks][kRows];
    for (auto& of_rank : sums) {
        for (auto& sum : of_rank) {
            sum = S::zero();
        }
    }
    const std::byte* tile = work.tile + first_rank * kLoraColumns * kBytes;
    for (std::int64_t column = 0; column < work.columns; column += S::kWidth) {
        const std::int64_t rest = work.columns - column;
        typename S::Vector x[kRows];
        for (int row = 0; row < kRows; ++row) {
            const float* from = work.x[first_row + row] + column;
            x[row] = rest >= S::kWidth ? S::load(from) : S::load_part(from, rest);
        }
        const std::byte* group =
            tile + (column / kLoraColumns * kLoraRanks * kLoraColumns + column % kLoraColumns) * kBytes;
        for (int rank = 0; rank < kRanks; ++rank) {
            const std::byte* from = group + rank * kLoraColumns * kBytes;
            ask_ahead<S>(from, rank * kLoraColumns * kBytes);
            const auto weights = S::template load_weights<kType>(from);
            for (int row = 0; row < kRows; ++row) {
                sums[rank][row] = S::fma(weights, x[row], sums[rank][row]);
            }
        }
    }
    for (int row = 0; row < kRows; ++row) {
        for (int rank = 0; rank < kRanks; ++rank) {
            work.inner[first_row + row][first_rank + rank] = S::sum(sums[rank][row]);
        }
    }
}

template <class S, DataType kType>
void lora_inner_rows(const LoraInnerWork& work) {
    std::int64_t row = 0;
    for (; row + 4 <= work.rows; row += 4) {
        for (std::int64_t rank = 0; rank < kLoraRanks; rank += 4) {
            lora_inner_block<S, kType, 4, 4>(work, rank, row);
        }
    }
    for (; row < work.rows; ++row) {
        lora_inner_block<S, kType, 8, 1>(work, 0, row);
    }
}

template <class S>
void vector_lora_inner(const LoraInnerWork& work) {
    if (work.type == DataType::kF32) {
        lora_inner_rows<S, DataType::kF32>(work);
    } else if (work.type == DataType::kF16) {
        lora_inner_rows<S, DataType::kF16>(work);
    } else {
        lora_inner_rows<S, DataType::kBf16>(work);
    }
}

// kRows rows, kVectors of outputs side by side.
template <class S, DataType kType, int kVectors, int kRows>
void lora_outer_block(const LoraOuterWork& work, std::int64_t first_row, std::int64_t output) {
    constexpr std::int64_t kBytes = kType == DataType::kF32 ? 4 : 2;
    typename S::Vector sums[kRows][kVectors];
    for (auto& of_row : sums) {
        for (auto& sum : of_row) {
            sum = S::zero();
        }
    }
    const std::byte* weights = work.tile + output * kBytes;
    for (std::int64_t rank = 0; rank < work.ranks; ++rank) {
        typename S::Vector inner[kRows];
        for (int row = 0; row < kRows; ++row) {
            inner[row] = S::all(work.inner[first_row + row][rank]);
        }
        for (int i = 0; i < kVectors; ++i) {
            const std::byte* from = weights + (rank * kLoraOutputs + i * S::kWidth) * kBytes;
            ask_ahead<S>(from, i * S::kWidth * kBytes);
            const auto of_rank = S::template load_weights<kType>(from);
            for (int row = 0; row < kRows; ++row) {
                sums[row][i] = S::fma(inner[row], of_rank, sums[row][i]);
            }
        }
    }
    const auto scale = S::all(work.scale);
    for (int row = 0; row < kRows; ++row) {
        for (int i = 0; i < kVectors; ++i) {
            float* y = work.y[first_row + row] + output + i * S::kWidth;
            const std::int64_t rest = work.outputs - output - i * S::kWidth;
            if (rest >= S::kWidth) {
                S::store(y, S::fma(scale, sums[row][i], S::load(y)));
            } else if (rest > 0) {
                S::store_part(y, S::fma(scale, sums[row][i], S::load_part(y, rest)), rest);
            }
        }
    }
}

// Four rows share what is read. Of 16 registers, their sums take half.
template <class S, DataType kType>
void lora_outer_rows(const LoraOuterWork& work) {
    constexpr int kShared = S::kWidth == 16 ? 4 : 2;
    std::int64_t row = 0;
    for (; row + 4 <= work.rows; row += 4) {
        for (std::int64_t output = 0; output < work.outputs; output += kShared * S::kWidth) {
            lora_outer_block<S, kType, kShared, 4>(work, row, output);
        }
    }
    for (; row < work.rows; ++row) {
        for (std::int64_t output = 0; output < work.outputs; output += 4 * S::kWidth) {
            lora_outer_block<S, kType, 4, 1>(work, row, output);
        }
    }
}

template <class S>
void vector_lora_outer(const LoraOuterWork& work) {
    if (work.type == DataType::kF32) {
        lora_outer_rows<S, DataType::kF32>(work);
    } else if (work.type == DataType::kF16) {
        lora_outer_rows<S, DataType::kF16>(work);
    } else {
        lora_outer_rows<S, DataType::kBf16>(work);
    }
}

}  // namespace capstan::engine::kernels
