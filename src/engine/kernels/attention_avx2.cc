// The attention kernels for AVX2, FMA and F16C. Only this file is compiled for them, by the pragma below;
// attention.cc asks the processor before it calls anything here.

#if defined(__x86_64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others as AVX2, FMA and F16C.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include "engine/kernels/attention_tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "engine/kernels/simd_avx2.h"
#include "engine/kernels/vector_attention_span.h"
#include "engine/kernels/vector_kv_store.h"

namespace capstan::engine::kernels {
namespace {

struct AttentionAvx2 : Avx2 {
    static constexpr std::int64_t kQueries = 3;  // 3 × 4 sums, a key and 3 queries fit 16 registers.

    // kWidth elements from `index`, a multiple of kWidth, on.
    template <KvType kType>
    static Vector elements(const std::byte* from, std::int64_t index) {
        if constexpr (kType == KvType::kF32) {
            return _mm256_loadu_ps(reinterpret_cast<const float*>(from) + index);
        } else if constexpr (kType == KvType::kF16) {
            return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + index * 2)));
        } else if constexpr (kType == KvType::kI8) {
            const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + index));
            return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
        } else {
            const __m128i pairs = _mm_loadu_si32(from + index / 2);
            const __m128i low = _mm_and_si128(pairs, _mm_set1_epi8(15));
            const __m128i high = _mm_and_si128(_mm_srli_epi16(pairs, 4), _mm_set1_epi8(15));
            const __m128i levels = _mm_sub_epi8(_mm_unpacklo_epi8(low, high), _mm_set1_epi8(8));
            return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(levels));
        }
    }

    // The nibbles at bit `shift` of kWidth bytes, less 8.
    static Vector nibbles(const std::byte* from, std::int64_t shift) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
        const __m128i shifted = _mm_srli_epi16(bytes, static_cast<int>(shift));
        const __m128i levels = _mm_sub_epi8(_mm_and_si128(shifted, _mm_set1_epi8(15)), _mm_set1_epi8(8));
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(levels));
    }

    static void store_halves(std::byte* to, Vector v) {
        _mm_storeu_si128(
            reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
        );
    }

    // v · 2^n for whole n up to 127; 0 for n below -126.
    static Vector scale_or_zero(Vector v, Vector n) { return scale(v, max(n, all(-127.0F))); }
};

}  // namespace

const AttentionKernels kAvx2Attention = {
    .isa = Isa::kAvx2,
    .store = vector_kv_store<AttentionAvx2>,
    .span = vector_attention_span<AttentionAvx2>,
    .merge = vector_attention_merge<AttentionAvx2>,
};

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
