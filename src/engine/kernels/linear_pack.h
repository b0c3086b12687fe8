#pragma once

// Brings the rows of a file's matrix into tiles (linear_format.h).

#include "engine/kernels/kernels.h"
#include "engine/kernels/linear_format.h"
#include "engine/kernels/linear_table.h"

namespace capstan::engine::kernels {

struct PackWork {
    WeightMatrix source;
    PackedFormat format = PackedFormat::kF32;  // packed_format_of(source.type), or made from its numbers.
    std::int64_t tile = 0;
    std::byte* to = nullptr;  // The tile's tile_bytes().
    const LinearTable* table = &best_linear_table();
};

// Packs one tile; rows and columns that the source lacks become zeros. Block types keep their numbers to the
// bit; the formats kInt16, kQ8_0 and kQ4_1 are also made from numbers, rounded to nearest.
void pack_tile(const PackWork& work);

}  // namespace capstan::engine::kernels
