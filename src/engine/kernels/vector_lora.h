#pragma once

// The low-rank kernels for any vector type S (simd_avx2.h, simd_avx512.h).
//
// Each product of a rank and a row is one chain of fused multiply-adds over the columns, then one sum: the
// same however many ranks and rows are computed side by side.

#include <cstdint>
#include <cstring>

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

// Of S, as is all here: what two files of different instructions shared, the linker would keep for one of
// them.
template <class S>
float lora_scale(const std::byte* scales, std::int64_t index) {
    float scale;
    std::memcpy(&scale, scales + index * 4, sizeof scale);
    return scale;
}

template <class S, DataType kType>
typename S::Vector load_lora(const std::byte* from) {
    if constexpr (kType == DataType::kI8) {
        return S::load_int8(from);
    } else {
        return S::template load_weights<kType>(from);
    }
}

consteval std::int64_t lora_bytes(DataType type) {
    return type == DataType::kF32 ? 4 : type == DataType::kI8 ? 1 : 2;
}

// Rows of inputs from `column` on, `count` columns of them, and where their weights begin.
struct LoraColumns {
    const std::byte* weights = nullptr;
    std::int64_t column = 0;
    std::int64_t count = 0;
};

// sums += the products of columns.
template <class S, DataType kType, int kRanks, int kRows>
[[gnu::always_inline]] inline void add_lora_columns(
    const float* const* inputs, const LoraColumns& columns, typename S::Vector (&sums)[kRanks][kRows]
) {
    constexpr std::int64_t kBytes = lora_bytes(kType);
    for (std::int64_t column = 0; column < columns.count; column += S::kWidth) {
        const std::int64_t rest = columns.count - column;
        typename S::Vector x[kRows];
        for (int row = 0; row < kRows; ++row) {
            const float* from = inputs[row] + columns.column + column;
            x[row] = rest >= S::kWidth ? S::load(from) : S::load_part(from, rest);
        }
        const std::int64_t group = column / kLoraColumns * kLoraRanks * kLoraColumns + column % kLoraColumns;
        for (int rank = 0; rank < kRanks; ++rank) {
            const std::byte* from = columns.weights + (group + rank * kLoraColumns) * kBytes;
            ask_ahead<S>(from, rank * kLoraColumns * kBytes);
            const auto weights = load_lora<S, kType>(from);
            for (int row = 0; row < kRows; ++row) {
                sums[rank][row] = S::fma(weights, x[row], sums[rank][row]);
            }
        }
    }
}

template <class S, DataType kType, int kRanks, int kRows>
void lora_inner_block(const LoraInnerWork& work, std::int64_t first_rank, std::int64_t first_row) {
    using Vector = typename S::Vector;
    Vector sums[kRanks][kRows];
    for (auto& of_rank : sums) {
        for (auto& sum : of_rank) {
            sum = S::zero();
        }
    }
    const float* const* inputs = work.x + first_row;
    const std::int64_t before = first_rank * kLoraColumns * lora_bytes(kType);
    if constexpr (kType == DataType::kI8) {
        const std::byte* block = work.tile;
        for (std::int64_t column = 0; column < work.columns; column += kLoraScaled) {
            const std::int64_t rest = work.columns - column;
            Vector part[kRanks][kRows] = {};
            add_lora_columns<S, kType>(
                inputs,
                {.weights = block + kLoraScaleBytes + before,
                 .column = column,
                 .count = rest < kLoraScaled ? rest : kLoraScaled},
                part
            );
            for (int rank = 0; rank < kRanks; ++rank) {
                const auto scale = S::all(lora_scale<S>(block, first_rank + rank));
                for (int row = 0; row < kRows; ++row) {
                    sums[rank][row] = S::fma(scale, part[rank][row], sums[rank][row]);
                }
            }
            block += kLoraScaledBytes;
        }
    } else {
        add_lora_columns<S, kType>(inputs, {.weights = work.tile + before, .count = work.columns}, sums);
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
    } else if (work.type == DataType::kI8) {
        lora_inner_rows<S, DataType::kI8>(work);
    } else {
        lora_inner_rows<S, DataType::kBf16>(work);
    }
}

// kRows rows, kVectors of outputs side by side.
template <class S, DataType kType, int kVectors, int kRows>
void lora_outer_block(const LoraOuterWork& work, std::int64_t first_row, std::int64_t output) {
    constexpr std::int64_t kBytes = lora_bytes(kType);
    constexpr bool kIsScaled = kType == DataType::kI8;
    typename S::Vector sums[kRows][kVectors];
    for (auto& of_row : sums) {
        for (auto& sum : of_row) {
            sum = S::zero();
        }
    }
    const std::byte* weights = work.tile + (kIsScaled ? work.ranks * 4 : 0) + output * kBytes;
    for (std::int64_t rank = 0; rank < work.ranks; ++rank) {
        typename S::Vector inner[kRows];
        for (int row = 0; row < kRows; ++row) {
            const float scale = kIsScaled ? lora_scale<S>(work.tile, rank) : 1.0F;
            inner[row] = S::all(work.inner[first_row + row][rank] * scale);
        }
        for (int i = 0; i < kVectors; ++i) {
            const std::byte* from = weights + (rank * kLoraOutputs + i * S::kWidth) * kBytes;
            ask_ahead<S>(from, i * S::kWidth * kBytes);
            const auto of_rank = load_lora<S, kType>(from);
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
    } else if (work.type == DataType::kI8) {
        lora_outer_rows<S, DataType::kI8>(work);
    } else {
        lora_outer_rows<S, DataType::kBf16>(work);
    }
}

}  // namespace capstan::engine::kernels
