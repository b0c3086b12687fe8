#pragma once

// The products of packed matrices in a version for each instruction set, behind one table.
//
// Inputs are kept in blocks of `block_tokens` rows (the last may have fewer, n): group by group, and in a
// group row by row, so that a kernel walks through them as through the weights. What begins at row t of a
// block of n rows lies at t · padded columns of its array; inside, at [group][row of n][...].
//
// The arithmetic, the same in all versions to the bit: codes of 8 bits (or 14) with a scale for each 32
// inputs; for each group an exact integer sum of products; result += input scale · (sum · weight scale), then
// result -= minimum · sum of the inputs, each rounded once (fused multiply and add), group after group.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/kernels/linear_format.h"

namespace capstan::engine::kernels {

enum class LinearIsa { kScalar, kAvx2, kAvxVnni, kAvx512Vnni, kAmx, kNeon, kNeonDot, kNeonI8mm };

// Which form of the inputs a format is multiplied with.
enum class InputForm { kFloat, kInt8, kInt16 };

constexpr InputForm input_form_of(PackedFormat format) {
    if (format == PackedFormat::kF32) {
        return InputForm::kFloat;
    }
    return format == PackedFormat::kInt16 ? InputForm::kInt16 : InputForm::kInt8;
}

// -offset · sum of a group's codes, for the offsets that formats have: where an integer sum begins, so that
// unsigned weights count as signed ones. kBy32 is of halves of groups, [group][half][row].
enum class Offset { kBy128, kBy8, kBy16, kBy32 };
inline constexpr int kOffsets = 4;

// Rows in one form. Which arrays are there depends on the form.
struct InputArrays {
    float* floats = nullptr;               // kFloat: [column][row]
    std::byte* codes = nullptr;            // kInt8, kInt16: [group][row][32]
    float* scales = nullptr;               // kInt8, kInt16: [group][row]
    float* sums = nullptr;                 // kInt8: [group][row], scale · sum of codes
    std::int32_t* offsets[kOffsets] = {};  // kInt8: [group][row]
};

struct QuantiseWork {
    InputForm form = InputForm::kInt8;
    const float* x = nullptr;  // [tokens, columns]
    std::int64_t tokens = 0;
    std::int64_t columns = 0;
    std::int64_t token_begin = 0;  // What this call writes.
    std::int64_t token_end = 0;
    InputArrays to;
};

// The tiles [tile_begin, tile_end) with all rows.
struct ProductWork {
    PackedFormat format = PackedFormat::kF32;
    const std::byte* tiles = nullptr;  // Of the matrix.
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t tile_begin = 0;
    std::int64_t tile_end = 0;
    InputArrays x;
    std::int64_t tokens = 0;
    float* y = nullptr;  // [tokens, rows]
};

// Numbers of one row, to be rounded to 14 bits (kInt16).
struct RoundingWork {
    DataType type = DataType::kF32;  // Or kF16, kBf16.
    const std::byte* from = nullptr;
    std::int64_t columns = 0;
    std::int16_t* codes = nullptr;    // [groups][32]; what columns lack of a group becomes zeros.
    std::uint16_t* scales = nullptr;  // [groups], bfloat16
};

struct LinearTable {
    LinearIsa isa;
    std::int64_t block_tokens;
    void (*quantise)(const QuantiseWork&);
    void (*multiply)(const ProductWork&);
    void (*round)(const RoundingWork&);
};

// What this processor can run, the best last.
std::vector<LinearIsa> supported_linear_isas();
// `isa` must be supported.
const LinearTable& linear_table_for(LinearIsa isa);
const LinearTable& best_linear_table();

extern const LinearTable kScalarLinear;
#if defined(__x86_64__)
extern const LinearTable kAvx2Linear;
extern const LinearTable kAvxVnniLinear;
extern const LinearTable kAvx512VnniLinear;
extern const LinearTable kAmxLinear;

// Whether this processor has AMX for 8 bits, and the system lets this process use it, which it is asked for.
bool ask_for_amx();
#elif defined(__aarch64__)
extern const LinearTable kNeonLinear;
extern const LinearTable kNeonDotLinear;
extern const LinearTable kNeonI8mmLinear;
#endif

}  // namespace capstan::engine::kernels
