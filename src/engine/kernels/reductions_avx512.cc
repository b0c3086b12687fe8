// The reductions for AVX-512. Only this file is compiled for them, by the pragma below; reductions.cc asks
// the processor before it calls anything here.

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

#pragma clang attribute push(                                                                        \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), apply_to = function \
)

#include "engine/kernels/simd_avx512.h"
#include "engine/kernels/vector_reductions.h"

namespace capstan::engine::kernels {
namespace {

struct Lanes512 : Avx512 {
    static Vector zero_where_below(Vector v, Vector x, Vector limit) {
        return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_GE_OQ), v);
    }

    static std::uint32_t at_least(Vector v, Vector limit) { return _mm512_cmp_ps_mask(v, limit, _CMP_GE_OQ); }

    static Vector where(std::uint32_t bits, Vector yes, Vector no) {
        return _mm512_mask_blend_ps(static_cast<__mmask16>(bits), no, yes);
    }

    static Vector either(Vector a, Vector b) { return _mm512_or_ps(a, b); }

    static bool is_zero(Vector v) { return _mm512_cmp_ps_mask(v, zero(), _CMP_NEQ_UQ) == 0; }
};

}  // namespace

const ReductionTable kAvx512Reductions = kVectorReductions<Lanes512>;

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
