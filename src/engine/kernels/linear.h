#pragma once

// Products with weight matrices: the only way in which a model multiplies. Weights are packed once, for the
// instructions of this processor; what multiplies them is prepared once for all matrices that it meets.
//
// F32 weights are multiplied in float32. Others meet inputs rounded to 8 bits with a scale for each 32 (F16
// and BF16: 14 bits, as are the weights themselves): each rounding is at most 1/254 (1/16,382) of the largest
// magnitude among those 32. linear_table.h has the arithmetic.
//
// What a row of x gives depends, to the bit, on that row and the matrix only: not on how many rows are
// multiplied together, nor on threads, nor on the instruction set.

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/kernels/huge_buffer.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/linear_table.h"
#include "engine/kernels/thread_team.h"

namespace capstan::engine::kernels {

enum class PackAs {
    kStored,  // As near to the file's bytes as the kernels can read.
    kFloat,   // In float32, whatever the source: for references.
    kInt8,    // Own 8 bits (a binary16 scale for each 32), when the source has more.
    kInt4,    // Own 4 bits (a binary16 scale and minimum for each 32), when the source has more.
};

// Weights in the form that the kernels read. Moves in constant time; immutable and thread-safe.
class PackedMatrix {
public:
    PackedMatrix() = default;

    // `source` is of any type that files have, with whole blocks in a row; it outlives the result.
    static PackedMatrix pack(const WeightMatrix& source, ThreadTeam& team, PackAs as = PackAs::kStored);

    std::int64_t rows() const { return source_.rows; }

    std::int64_t columns() const { return source_.columns; }

    bool empty() const { return source_.empty(); }

    PackedFormat format() const { return format_; }

    // Read for each product.
    std::int64_t bytes() const;

    // One row as numbers, [columns]: how an embedding is looked up. As the source has them.
    void read_row(std::int64_t row, float* out) const;

private:
    friend void multiply(const PackedMatrix& matrix, class Activations& x, float* y, ThreadTeam& team);

    WeightMatrix source_;
    PackedFormat format_ = PackedFormat::kF32;
    HugeBuffer tiles_;
};

// Rows that will be multiplied. Made again for each batch, it keeps its memory. Used by one thread at a time.
class Activations {
public:
    explicit Activations(const LinearTable& table = best_linear_table()) : table_(&table) {}

    // x is [tokens, columns] and stays where it is until the last product with it.
    void assign(const float* x, std::int64_t tokens, std::int64_t columns);

private:
    friend void multiply(const PackedMatrix& matrix, Activations& x, float* y, ThreadTeam& team);

    // The rows in one form; made when first asked for.
    const InputArrays& in_form(InputForm form, ThreadTeam& team);

    struct Form {
        bool is_made = false;
        HugeBuffer memory;
        InputArrays arrays;
    };

    const LinearTable* table_;
    const float* x_ = nullptr;
    std::int64_t tokens_ = 0;
    std::int64_t columns_ = 0;
    std::array<Form, 3> forms_;  // In the order of InputForm.
};

// y[t, r] = sum over c of x[t, c] · matrix[r, c]; y is [tokens, rows].
void multiply(const PackedMatrix& matrix, Activations& x, float* y, ThreadTeam& team);

}  // namespace capstan::engine::kernels
