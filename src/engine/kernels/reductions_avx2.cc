// The reductions for AVX2. Only this file is compiled for them, by the pragma below; reductions.cc asks the
// processor before it calls anything here.

#if defined(__x86_64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <immintrin.h>

#include "engine/kernels/reductions.h"
#include "engine/kernels/tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "engine/kernels/simd_avx2.h"
#include "engine/kernels/vector_reductions.h"

namespace capstan::engine::kernels {
namespace {

struct Lanes256 : Avx2 {
    static Vector zero_where_below(Vector v, Vector x, Vector limit) {
        return _mm256_and_ps(_mm256_cmp_ps(x, limit, _CMP_GE_OQ), v);
    }

    static std::uint32_t at_least(Vector v, Vector limit) {
        return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(v, limit, _CMP_GE_OQ)));
    }

    static Vector where(std::uint32_t bits, Vector yes, Vector no) {
        const __m256i each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        const __m256i set = _mm256_and_si256(_mm256_set1_epi32(static_cast<int>(bits)), each);
        return _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, each)));
    }

    static Vector either(Vector a, Vector b) { return _mm256_or_ps(a, b); }

    static bool is_zero(Vector v) { return _mm256_movemask_ps(_mm256_cmp_ps(v, zero(), _CMP_NEQ_UQ)) == 0; }
};

}  // namespace

const ReductionTable kAvx2Reductions = kVectorReductions<Lanes256>;

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
