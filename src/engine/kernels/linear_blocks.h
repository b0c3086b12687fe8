#pragma once

// From rows of a file to tiles (linear_format.h): a row's block is brought into the order of the tile, and
// the blocks of 16 rows are put side by side.

#include <cstddef>
#include <cstdint>

#include "engine/kernels/linear_format.h"

namespace capstan::engine::kernels {

// One row's part of a tile's block. `fours` is what the row has in each vector of the block's groups: 4
// bytes, [group][vector].
struct RowBlock {
    std::uint16_t scale = 0;  // Binary16 (bfloat16 in kInt16, e8m0 in kMxfp4).
    std::uint16_t minimum = 0;
    std::uint8_t group_scales[16] = {};
    std::uint8_t group_minima[8] = {};
    alignas(16) std::uint32_t fours[48] = {};
};

// A block of a file whose type is packed under the same name.
void read_block(DataType type, const std::byte* block, RowBlock& to);

// Brings 32 codes of one group of kQ8_0 or kQ4_1 into `to`.
void put_codes(PackedFormat format, const std::uint8_t* codes, RowBlock& to);

// Writes a whole block, of any format but kF32.
void put_block(PackedFormat format, const RowBlock (&rows)[kTileRows], std::byte* to);

// The numbers of 16 rows, which lie `stride` apart, become vectors: to[i][row] = rows[row * stride + i].
void put_side_by_side(const std::uint32_t* rows, std::int64_t stride, std::int64_t count, std::byte* to);

}  // namespace capstan::engine::kernels
