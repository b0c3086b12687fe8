#pragma once

// Low-rank updates of a few rows: y += scale · B · (A · x), for the adapters that are not merged.
//
// A and B lie in tiles that are read from begin to end, so that a step in which every row has its own adapter
// runs at the speed of memory. What a row gets depends, to the bit, on that row and the adapter only.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/files/data_type.h"
#include "engine/kernels/kernels.h"

namespace capstan::engine::kernels {

inline constexpr std::int64_t kLoraRanks = 8;     // Ranks in a tile of A.
inline constexpr std::int64_t kLoraColumns = 16;  // Its columns are in groups of so many.
inline constexpr std::int64_t kLoraOutputs = 64;  // Outputs in a tile of B.
inline constexpr std::int64_t kLoraRowsMax = 4;   // Rows of one call.
// In 8 bits, so many columns of a rank of A share a scale, and the outputs of a tile of a rank of B.
inline constexpr std::int64_t kLoraScaled = 128;
// Of so many columns of a tile of A: the scales of its ranks in float32, then the codes.
inline constexpr std::int64_t kLoraScaleBytes = kLoraRanks * 4;
inline constexpr std::int64_t kLoraScaledBytes = kLoraScaleBytes + kLoraRanks * kLoraScaled;

enum class LoraPrecision {
    kStored,  // As the file has it.
    kHalf,    // F32 is rounded to F16, by 2^-12 of each value at most, unless some value is too large for it.
    kInt8,    // By 1/254 of the largest that shares its scale at most, unless some value is no number.
};

// Of a weight type, or kI8 with scales in float32: in each tile of A, in front of each kLoraScaled columns,
// those of its ranks; in front of each tile of B, those of all ranks.
class LoraMatrix {
public:
    LoraMatrix() = default;
    LoraMatrix(LoraMatrix&&) = default;
    LoraMatrix& operator=(LoraMatrix&&) = default;

    // A is [ranks, columns]; in tiles [ranks / 8][columns / 16][8][16], padded with zeros.
    static LoraMatrix pack_a(const WeightMatrix& source, LoraPrecision precision);
    // B is [outputs, ranks]; in tiles [outputs / 64][ranks][64], padded with zeros.
    static LoraMatrix pack_b(const WeightMatrix& source, LoraPrecision precision);

    bool empty() const { return size_ == 0; }

    DataType type() const { return type_; }

    std::int64_t rows() const { return rows_; }  // As in the source.

    std::int64_t columns() const { return columns_; }

    // Of A: tiles of ranks. Of B: tiles of outputs.
    std::int64_t tiles() const { return tiles_; }

    const std::byte* tile(std::int64_t index) const { return data_ + index * (size_ / tiles_); }

    std::int64_t bytes() const { return size_; }

    // Into the bytes() from `place` on, which outlive this: what is read in one go should lie together.
    void move_to(std::byte* place);

private:
    void allocate(std::int64_t bytes);
    void pack_a_int8(const WeightMatrix& source);
    void pack_b_int8(const WeightMatrix& source);

    std::vector<std::byte> bytes_;  // Until they are moved.
    const std::byte* data_ = nullptr;
    std::int64_t size_ = 0;
    DataType type_ = DataType::kF32;
    std::int64_t rows_ = 0;
    std::int64_t columns_ = 0;
    std::int64_t tiles_ = 0;
};

// inner[i][r] = sum over c of tile[r, c] · x[i][c], for the 8 ranks of one tile of A.
struct LoraInnerWork {
    const std::byte* tile = nullptr;
    DataType type = DataType::kF32;
    std::int64_t columns = 0;
    std::int64_t rows = 0;  // 1 to kLoraRowsMax.
    const float* x[kLoraRowsMax] = {};
    float* inner[kLoraRowsMax] = {};
};

// y[i][o] += scale · sum over r of inner[i][r] · tile[r, o], for the first `outputs` of one tile of B.
struct LoraOuterWork {
    const std::byte* tile = nullptr;
    DataType type = DataType::kF32;
    std::int64_t ranks = 0;
    std::int64_t outputs = 0;  // 1 to kLoraOutputs.
    float scale = 1;
    std::int64_t rows = 0;  // 1 to kLoraRowsMax.
    const float* inner[kLoraRowsMax] = {};
    float* y[kLoraRowsMax] = {};
};

struct LoraTable {
    void (*inner)(const LoraInnerWork&);
    void (*outer)(const LoraOuterWork&);
};

// `isa` must be supported.
const LoraTable& lora_table_for(Isa isa);

}  // namespace capstan::engine::kernels
