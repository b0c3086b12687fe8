#pragma once

// Rounding in which what each column loses is made up for by the columns that are not yet rounded (GPTQ:
// Frantar et al. 2022, "Accurate Post-Training Quantization for Generative Pre-trained Transformers",
// algorithm 1).

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/files/data_type.h"
#include "engine/kernels/thread_team.h"

namespace capstan::engine {

inline constexpr double kGptqDamping = 0.01;  // Of the mean of the Hessian's diagonal, added to it.

// Whether a type has what GPTQ rounds to: codes with one scale for each 32 neighbours.
bool is_gptq_type(DataType type);

// The upper Cholesky factor U of the damped Hessian's inverse: (H + λI)⁻¹ = UᵀU. Immutable.
class GptqFactor {
public:
    // `sums` is Σ x·xᵀ over a matrix's inputs, [columns, columns]; its scale does not matter. A column that
    // was always 0 is rounded by itself. kInvalid when a sum is no number. Cost: columns³ / 3, over the
    // threads, in the memory of `sums` and half as much.
    static Result<GptqFactor> make(std::vector<double> sums, std::int64_t columns, ThreadTeam& team);

    std::int64_t columns() const { return columns_; }

    // [columns]; zeros before `row`.
    const float* row(std::int64_t row) const { return upper_.data() + row * columns_; }

private:
    GptqFactor(std::vector<float> upper, std::int64_t columns)
        : upper_(std::move(upper)), columns_(columns) {}

    std::vector<float> upper_;
    std::int64_t columns_;
};

// Rows of a matrix; each is rounded by itself.
struct GptqRows {
    DataType type = DataType::kQ4_0;
    std::span<float> values;   // [rows, columns], columns of whole blocks; changed.
    std::byte* out = nullptr;  // [rows] of bytes_of(type, columns).
};

// Columns from left to right; a block's scale is taken when its first column's turn comes, from its numbers
// as they are then. Cost: rows · columns².
void gptq_round(const GptqFactor& factor, const GptqRows& rows);

}  // namespace capstan::engine
