// The attention kernels for AVX-512. Only this file is compiled for them, by the pragma below; attention.cc
// asks the processor before it calls anything here.

#if defined(__x86_64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others as AVX-512.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include "engine/kernels/attention_tables.h"

#pragma clang attribute push(                                                                        \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), apply_to = function \
)

#include "engine/kernels/simd_avx512.h"
#include "engine/kernels/vector_attention_span.h"
#include "engine/kernels/vector_kv_store.h"

namespace capstan::engine::kernels {
namespace {

struct AttentionAvx512 : Avx512 {
    static constexpr std::int64_t kQueries = 6;  // 6 × 4 sums, 4 keys and 1 query fit 32 registers.

    // kWidth elements from `index`, a multiple of kWidth, on.
    template <KvType kType>
    static Vector elements(const std::byte* from, std::int64_t index) {
        if constexpr (kType == KvType::kF32) {
            return _mm512_loadu_ps(from + index * 4);
        } else if constexpr (kType == KvType::kF16) {
            return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + index * 2)));
        } else if constexpr (kType == KvType::kI8) {
            const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + index));
            return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
        } else {
            const __m128i pairs = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + index / 2));
            const __m128i low = _mm_and_si128(pairs, _mm_set1_epi8(15));
            const __m128i high = _mm_and_si128(_mm_srli_epi16(pairs, 4), _mm_set1_epi8(15));
            const __m128i levels = _mm_sub_epi8(_mm_unpacklo_epi8(low, high), _mm_set1_epi8(8));
            return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(levels));
        }
    }

    // The nibbles at bit `shift` of kWidth bytes, less 8.
    static Vector nibbles(const std::byte* from, std::int64_t shift) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
        const __m128i shifted = _mm_srli_epi16(bytes, static_cast<int>(shift));
        const __m128i levels = _mm_sub_epi8(_mm_and_si128(shifted, _mm_set1_epi8(15)), _mm_set1_epi8(8));
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(levels));
    }

    static void store_halves(std::byte* to, Vector v) {
        _mm256_storeu_si256(
            reinterpret_cast<__m256i*>(to), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
        );
    }

    // v · 2^n for whole n up to 127, 0 for n below -126 (and 2^-126's neighbours may be subnormal).
    static Vector scale_or_zero(Vector v, Vector n) { return _mm512_scalef_ps(v, n); }
};

}  // namespace

const AttentionKernels kAvx512Attention = {
    .isa = Isa::kAvx512,
    .store = vector_kv_store<AttentionAvx512>,
    .span = vector_attention_span<AttentionAvx512>,
    .merge = vector_attention_merge<AttentionAvx512>,
};

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
