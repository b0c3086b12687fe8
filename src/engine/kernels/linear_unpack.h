#pragma once

// Reads tiles (linear_format.h) one number at a time: what packed weights mean.

#include <cstddef>
#include <cstdint>

#include "engine/kernels/linear_format.h"

namespace capstan::engine::kernels {

// One row of kGroupColumns columns: weight = scale · (code - offset) - minimum.
struct PackedGroup {
    std::int32_t codes[kGroupColumns];
    std::int32_t offset;
    float scales[2];  // Of the first and the last 16 columns.
    float minimum;
};

// `format` is not kF32; `tile` is the tile's first byte, `group` counts kGroupColumns.
PackedGroup unpack_group(PackedFormat format, const std::byte* tile, std::int64_t row, std::int64_t group);

// One row of a tile as numbers, [columns]. Of block types: those of the file, to the bit.
void unpack_row(
    PackedFormat format, const std::byte* tile, std::int64_t row, std::int64_t columns, float* out
);

}  // namespace capstan::engine::kernels
