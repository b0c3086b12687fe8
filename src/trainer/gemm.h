#pragma once

// Matrix products through the BLAS that libtorch uses too (OpenBLAS), for row-major matrices, in one thread.

#include <cstdint>

namespace capstan::trainer {

struct Matrix {
    const float* data;
    std::int64_t stride;      // Of a row in memory.
    bool transposed = false;  // Use the transpose of what lies there.
};

struct ProductShape {
    std::int64_t rows;     // Of the result.
    std::int64_t columns;  // Of the result.
    std::int64_t inner;
};

struct ProductTarget {
    float* data;
    std::int64_t stride;
    float keep = 0;  // The result is added to `keep` times what is there: 0 or 1.
};

// target = a · b
void multiply(const Matrix& a, const Matrix& b, const ProductShape& shape, const ProductTarget& target);

}  // namespace capstan::trainer
