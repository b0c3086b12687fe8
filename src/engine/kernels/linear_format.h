#pragma once

// How weights lie in memory once they are packed.
//
// A matrix is cut into tiles of kTileRows rows. A tile is a run of blocks along the columns; a block is a
// header (scales that its groups share), then its groups; a group is the scales of its rows, side by side,
// then its columns in quads: 4 neighbouring columns of each row, row by row, which is one vector as a dot
// product instruction takes it. So the results of 16 rows lie side by side in one vector, nothing is summed
// across lanes, and a product reads a tile from begin to end.
//
// Codes are unsigned: a weight is scale · (code - offset), or scale · code + minimum. Codes of 4 bits: quad q
// of a group's first half has the low nibbles, its counterpart in the second half the high ones. The fifth
// bit of quad q is bit q of a byte of the vector behind; the bits 4 and 5 of quad q of 4 are bits 2q and on.
// Codes of 8 bits have a vector a quad. kInt16 has pairs of columns in place of quads.

#include <cstddef>
#include <cstdint>

#include "engine/files/data_type.h"

namespace capstan::engine::kernels {

inline constexpr std::int64_t kTileRows = 16;
inline constexpr std::int64_t kGroupColumns = 32;  // Inputs share a scale among so many.

enum class PackedFormat {
    kF32,
    kInt16,  // Numbers of 14 bits, sign included, with a bfloat16 scale for each 32: for F16, BF16 and FP8.
    kQ8_0,   // The others are named after the type of the file. Own 8 and 4 bit weights are kQ8_0 and kQ4_1.
    kQ4_0,
    kQ4_1,
    kQ5_0,
    kQ5_1,
    kQ4K,
    kQ5K,
    kQ6K,
    kMxfp4,
};

inline constexpr int kPackedFormats = 11;

// Columns and bytes are of a whole tile.
struct TileLayout {
    std::int64_t block_columns = 0;
    std::int64_t header_bytes = 0;
    std::int64_t group_columns = 0;
    std::int64_t scale_bytes = 0;  // At the start of each group.
    std::int64_t code_bytes = 0;   // Behind them.

    constexpr std::int64_t group_bytes() const { return scale_bytes + code_bytes; }

    constexpr std::int64_t block_bytes() const {
        return header_bytes + block_columns / group_columns * group_bytes();
    }

    // Columns behind the last whole block are padded with zeros.
    constexpr std::int64_t blocks(std::int64_t columns) const {
        return (columns + block_columns - 1) / block_columns;
    }

    constexpr std::int64_t tile_bytes(std::int64_t columns) const { return blocks(columns) * block_bytes(); }
};

constexpr TileLayout layout_of(PackedFormat format) {
    constexpr TileLayout kLayouts[kPackedFormats] = {
        {.block_columns = 1, .group_columns = 1, .code_bytes = 64},
        {.block_columns = 32, .group_columns = 32, .scale_bytes = 32, .code_bytes = 1024},
        {.block_columns = 32, .group_columns = 32, .scale_bytes = 32, .code_bytes = 512},
        {.block_columns = 32, .group_columns = 32, .scale_bytes = 32, .code_bytes = 256},
        {.block_columns = 32, .group_columns = 32, .scale_bytes = 64, .code_bytes = 256},
        {.block_columns = 32, .group_columns = 32, .scale_bytes = 32, .code_bytes = 320},
        {.block_columns = 32, .group_columns = 32, .scale_bytes = 64, .code_bytes = 320},
        {.block_columns = 256, .header_bytes = 64, .group_columns = 32, .scale_bytes = 32, .code_bytes = 256},
        {.block_columns = 256, .header_bytes = 64, .group_columns = 32, .scale_bytes = 32, .code_bytes = 320},
        {.block_columns = 256, .header_bytes = 32, .group_columns = 16, .scale_bytes = 16, .code_bytes = 192},
        {.block_columns = 32, .group_columns = 32, .scale_bytes = 16, .code_bytes = 256},
    };
    return kLayouts[static_cast<std::size_t>(format)];
}

constexpr int bits_of(PackedFormat format) {
    switch (format) {
        case PackedFormat::kF32:
            return 32;
        case PackedFormat::kInt16:
            return 16;
        case PackedFormat::kQ8_0:
            return 8;
        case PackedFormat::kQ6K:
            return 6;
        case PackedFormat::kQ5_0:
        case PackedFormat::kQ5_1:
        case PackedFormat::kQ5K:
            return 5;
        default:
            return 4;
    }
}

// What a matrix of `type` is packed as when nothing else is asked.
constexpr PackedFormat packed_format_of(DataType type) {
    switch (type) {
        case DataType::kQ8_0:
            return PackedFormat::kQ8_0;
        case DataType::kQ4_0:
            return PackedFormat::kQ4_0;
        case DataType::kQ4_1:
            return PackedFormat::kQ4_1;
        case DataType::kQ5_0:
            return PackedFormat::kQ5_0;
        case DataType::kQ5_1:
            return PackedFormat::kQ5_1;
        case DataType::kQ4K:
            return PackedFormat::kQ4K;
        case DataType::kQ5K:
            return PackedFormat::kQ5K;
        case DataType::kQ6K:
            return PackedFormat::kQ6K;
        case DataType::kMxfp4:
            return PackedFormat::kMxfp4;
        case DataType::kF16:
        case DataType::kBf16:
        case DataType::kF8E4m3:
        case DataType::kF8E5m2:
            return PackedFormat::kInt16;
        default:
            return PackedFormat::kF32;
    }
}

}  // namespace capstan::engine::kernels
