#include "trainer/gemm.h"

// Fortran BLAS, column-major; every BLAS has this symbol.
extern "C" void sgemm_(
    const char* transpose_a,
    const char* transpose_b,
    const int* m,
    const int* n,
    const int* k,
    const float* alpha,
    const float* a,
    const int* lda,
    const float* b,
    const int* ldb,
    const float* beta,
    float* c,
    const int* ldc
);

namespace capstan::trainer {

void multiply(const Matrix& a, const Matrix& b, const ProductShape& shape, const ProductTarget& target) {
    // Row-major C = A·B is column-major Cᵀ = Bᵀ·Aᵀ.
    const char transpose_a = a.transposed ? 'T' : 'N';
    const char transpose_b = b.transposed ? 'T' : 'N';
    const int m = static_cast<int>(shape.columns);
    const int n = static_cast<int>(shape.rows);
    const int k = static_cast<int>(shape.inner);
    const int lda = static_cast<int>(b.stride);
    const int ldb = static_cast<int>(a.stride);
    const int ldc = static_cast<int>(target.stride);
    constexpr float kOne = 1;
    sgemm_(
        &transpose_b,
        &transpose_a,
        &m,
        &n,
        &k,
        &kOne,
        b.data,
        &lda,
        a.data,
        &ldb,
        &target.keep,
        target.data,
        &ldc
    );
}

}  // namespace capstan::trainer
