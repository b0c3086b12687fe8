#pragma once

// How inputs become codes, group by group, and where they are put: what all versions share.

#include "engine/kernels/linear_table.h"

namespace capstan::engine::kernels {

// In F32, products of so many columns are summed before they join the result: a long sum loses fewer bits.
inline constexpr std::int64_t kFloatRun = 64;

// Inputs whose largest is below this count as zeros: its inverse would be infinite.
inline constexpr float kLeastInput = 0x1p-100F;
inline constexpr float kInt8Max = 127;
inline constexpr float kInt16Max = 8191;

inline std::int64_t groups_of(std::int64_t columns) {
    return (columns + kGroupColumns - 1) / kGroupColumns;
}

inline bool has_minimum(PackedFormat format) {
    return format == PackedFormat::kQ4_1 || format == PackedFormat::kQ5_1 || format == PackedFormat::kQ4K ||
           format == PackedFormat::kQ5K;
}

// A block of rows of the inputs: its part of each array.
struct InputBlock : InputArrays {
    std::int64_t tokens = 0;
};

struct BlockPlace {
    InputForm form = InputForm::kInt8;
    std::int64_t columns = 0;
    std::int64_t begin = 0;  // Rows.
    std::int64_t end = 0;
};

InputBlock block_at(const InputArrays& all, const BlockPlace& place);

// One row's group: `x` has `count` numbers, 1 to kGroupColumns; what is missing counts as zero. Writes codes
// [32], and the scale, sum and offsets of this row. A group with a NaN or an infinity gets a NaN for a scale.
struct GroupTarget {
    InputForm form = InputForm::kInt8;
    std::byte* codes = nullptr;
    float* scale = nullptr;
    float* sum = nullptr;
    std::int32_t* offsets[kOffsets] = {};
    std::int64_t stride = 0;  // From the offset of the first half to that of the second, in kBy32.
};

void quantise_group(const float* x, std::int64_t count, const GroupTarget& to);

// The offsets and the sum that follow from a group's scale and the sums of the codes of its halves.
void put_sums(float scale, std::int32_t first, std::int32_t second, const GroupTarget& to);

// Walks over what `work` asks for, with `quantise` for each group.
void quantise_blocks(
    const QuantiseWork& work,
    std::int64_t block_tokens,
    void (*quantise)(const float* x, std::int64_t count, const GroupTarget& to)
);

}  // namespace capstan::engine::kernels
