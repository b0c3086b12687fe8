#pragma once

// The matrix product for any vector type S (simd_avx2.h, simd_avx512.h).
//
// Each result has its own vector of partial sums, fed in the order of the columns and added up at the end;
// how many rows and tokens share a tile changes speed only, never a bit of the result.

#include <algorithm>
#include <cstdint>

#include "engine/kernels/kernels.h"

namespace capstan::engine::kernels {

// Weights of a block of rows stay in the second-level cache while all tokens pass over them.
inline constexpr std::int64_t kRowBlockBytes = 256 * 1024;

struct MatmulTile {
    const std::byte* weights;  // Of the tile's first row.
    std::int64_t row_bytes;
    std::int64_t columns;
    const float* x;  // Of the tile's first token.
    float* y;        // Of the tile's first row and token.
    std::int64_t y_stride;
};

template <class S, DataType kType, int kRows, int kTokens>
void matmul_tile(const MatmulTile& tile) {
    constexpr std::int64_t kBytes = kType == DataType::kF32 ? 4 : 2;
    typename S::Vector sums[kRows][kTokens];
#pragma clang loop unroll(full)
    for (int r = 0; r < kRows; ++r) {
#pragma clang loop unroll(full)
        for (int t = 0; t < kTokens; ++t) {
            sums[r][t] = S::zero();
        }
    }
    typename S::Vector weights[kRows];
    std::int64_t column = 0;
    for (; column + S::kWidth <= tile.columns; column += S::kWidth) {
#pragma clang loop unroll(full)
        for (int r = 0; r < kRows; ++r) {
            weights[r] = S::template load_weights<kType>(tile.weights + r * tile.row_bytes + column * kBytes);
        }
#pragma clang loop unroll(full)
        for (int t = 0; t < kTokens; ++t) {
            const typename S::Vector x = S::load(tile.x + t * tile.columns + column);
#pragma clang loop unroll(full)
            for (int r = 0; r < kRows; ++r) {
                sums[r][t] = S::fma(weights[r], x, sums[r][t]);
            }
        }
    }
    if (const std::int64_t rest = tile.columns - column; rest > 0) {
#pragma clang loop unroll(full)
        for (int r = 0; r < kRows; ++r) {
            const std::byte* row = tile.weights + r * tile.row_bytes + column * kBytes;
            weights[r] = S::template load_weights_part<kType>(row, rest);
        }
#pragma clang loop unroll(full)
        for (int t = 0; t < kTokens; ++t) {
            const typename S::Vector x = S::load_part(tile.x + t * tile.columns + column, rest);
#pragma clang loop unroll(full)
            for (int r = 0; r < kRows; ++r) {
                sums[r][t] = S::fma(weights[r], x, sums[r][t]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int t = 0; t < kTokens; ++t) {
        float* y = tile.y + t * tile.y_stride;
        if constexpr (kRows == 1) {
            *y = S::sum(sums[0][t]);
        } else {
#pragma clang loop unroll(full)
            for (int r = 0; r < kRows; r += 4) {
                S::store_sums(y + r, sums[r][t], sums[r + 1][t], sums[r + 2][t], sums[r + 3][t]);
            }
        }
    }
}

// `kRows` rows with `tokens` tokens, the most at a time that registers hold.
template <class S, DataType kType, int kRows, int kTokens>
void matmul_tokens(MatmulTile tile, std::int64_t tokens) {
    for (; tokens >= kTokens; tokens -= kTokens) {
        matmul_tile<S, kType, kRows, kTokens>(tile);
        tile.x += kTokens * tile.columns;
        tile.y += kTokens * tile.y_stride;
    }
    if constexpr (kTokens > 1) {
        if (tokens > 0) {
            matmul_tokens<S, kType, kRows, kTokens / 2>(tile, tokens);
        }
    }
}

// On S too, like everything here: what both instruction sets shared, the linker would keep for one of them
// only.
template <class S, DataType kType>
MatmulTile tile_at(const MatmulWork& work, std::int64_t row, std::int64_t token) {
    const WeightMatrix& weights = work.weights;
    const std::int64_t row_bytes = weights.columns * (kType == DataType::kF32 ? 4 : 2);
    return MatmulTile{
        .weights = weights.data + row * row_bytes,
        .row_bytes = row_bytes,
        .columns = weights.columns,
        .x = work.x + token * weights.columns,
        .y = work.y + token * weights.rows + row,
        .y_stride = weights.rows,
    };
}

template <class S, DataType kType>
void matmul_rows(const MatmulWork& work, std::int64_t row_begin, std::int64_t row_end) {
    for (std::int64_t token = 0; token < work.tokens; token += S::kTileTokens) {
        const std::int64_t tokens = std::min<std::int64_t>(S::kTileTokens, work.tokens - token);
        std::int64_t row = row_begin;
        if (tokens == 1) {  // More rows, to have enough independent sums.
            for (; row + 8 <= row_end; row += 8) {
                matmul_tile<S, kType, 8, 1>(tile_at<S, kType>(work, row, token));
            }
        }
        for (; row + S::kTileRows <= row_end; row += S::kTileRows) {
            matmul_tokens<S, kType, S::kTileRows, S::kTileTokens>(
                tile_at<S, kType>(work, row, token), tokens
            );
        }
        for (; row < row_end; ++row) {
            matmul_tokens<S, kType, 1, S::kTileTokens>(tile_at<S, kType>(work, row, token), tokens);
        }
    }
}

template <class S, DataType kType>
void matmul_typed(const MatmulWork& work) {
    const std::int64_t row_bytes = std::max<std::int64_t>(1, work.weights.columns) * bytes_of(kType);
    const std::int64_t rows = std::max<std::int64_t>(8, kRowBlockBytes / row_bytes / 8 * 8);
    for (std::int64_t row = work.row_begin; row < work.row_end; row += rows) {
        matmul_rows<S, kType>(work, row, std::min(row + rows, work.row_end));
    }
}

template <class S>
void vector_matmul(const MatmulWork& work) {
    switch (work.weights.type) {
        case DataType::kF16:
            return matmul_typed<S, DataType::kF16>(work);
        case DataType::kBf16:
            return matmul_typed<S, DataType::kBf16>(work);
        default:
            return matmul_typed<S, DataType::kF32>(work);
    }
}

}  // namespace capstan::engine::kernels
