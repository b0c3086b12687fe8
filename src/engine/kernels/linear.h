#pragma once

// Products with weight matrices: the only way in which a model multiplies. Weights are packed once, for the
// instructions of this processor; what multiplies them is prepared once for all matrices that it meets.
//
// What a row of x gives depends, to the bit, on that row and the matrix only: not on how many rows are
// multiplied together, nor on threads.

#include <cstdint>

#include "engine/kernels/kernels.h"
#include "engine/kernels/thread_team.h"

namespace capstan::engine::kernels {

// Weights in the form that the kernels read. Moves in constant time; immutable and thread-safe.
class PackedMatrix {
public:
    PackedMatrix() = default;

    // `source` outlives the result.
    static PackedMatrix pack(const WeightMatrix& source, ThreadTeam& team);

    std::int64_t rows() const { return source_.rows; }

    std::int64_t columns() const { return source_.columns; }

    bool empty() const { return source_.empty(); }

    // Read for each product.
    std::int64_t bytes() const;

    // One row as numbers, [columns]: how an embedding is looked up.
    void read_row(std::int64_t row, float* out) const;

private:
    friend void multiply(const PackedMatrix& matrix, class Activations& x, float* y, ThreadTeam& team);

    WeightMatrix source_;
};

// Rows that will be multiplied. Made again for each batch, it keeps its memory. Used by one thread at a time.
class Activations {
public:
    // x is [tokens, columns] and stays where it is until the last product with it.
    void assign(const float* x, std::int64_t tokens, std::int64_t columns);

private:
    friend void multiply(const PackedMatrix& matrix, Activations& x, float* y, ThreadTeam& team);

    const float* x_ = nullptr;
    std::int64_t tokens_ = 0;
    std::int64_t columns_ = 0;
};

// y[t, r] = sum over c of x[t, c] · matrix[r, c]; y is [tokens, rows].
void multiply(const PackedMatrix& matrix, Activations& x, float* y, ThreadTeam& team);

}  // namespace capstan::engine::kernels
