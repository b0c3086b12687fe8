#pragma once

// Sixteen floats at a time: what the vector kernels need of AVX-512 F, BW, DQ and VL. Include only between
// the target pragmas of avx512.cc.

#include <immintrin.h>

#include "engine/files/data_type.h"

namespace capstan::engine::kernels {

struct Avx512 {
    using Vector = __m512;
    static constexpr std::int64_t kWidth = 16;
    static constexpr int kTileRows = 4;  // 4 × 6 sums, 4 weights and 1 input fit 32 registers.
    static constexpr int kTileTokens = 6;

    static __mmask16 first(std::int64_t count) { return static_cast<__mmask16>((1U << count) - 1U); }

    static Vector zero() { return _mm512_setzero_ps(); }

    static Vector all(float value) { return _mm512_set1_ps(value); }

    static Vector load(const float* from) { return _mm512_loadu_ps(from); }

    static void store(float* to, Vector v) { _mm512_storeu_ps(to, v); }

    // The first `count` (below kWidth) elements; the rest are 0.
    static Vector load_part(const float* from, std::int64_t count) {
        return _mm512_maskz_loadu_ps(first(count), from);
    }

    static void store_part(float* to, Vector v, std::int64_t count) {
        _mm512_mask_storeu_ps(to, first(count), v);
    }

    template <DataType kType>
    static Vector of_halves(__m256i halves) {
        if constexpr (kType == DataType::kF16) {
            return _mm512_cvtph_ps(halves);
        }
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
    }

    template <DataType kType>
    static Vector load_weights(const std::byte* from) {
        if constexpr (kType == DataType::kF32) {
            return _mm512_loadu_ps(from);
        }
        return of_halves<kType>(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
    }

    template <DataType kType>
    static Vector load_weights_part(const std::byte* from, std::int64_t count) {
        if constexpr (kType == DataType::kF32) {
            return _mm512_maskz_loadu_ps(first(count), from);
        }
        return of_halves<kType>(_mm256_maskz_loadu_epi16(first(count), from));
    }

    static Vector load_int8(const std::byte* from) {
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))
        ));
    }

    static Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }

    static Vector sub(Vector a, Vector b) { return _mm512_sub_ps(a, b); }

    static Vector mul(Vector a, Vector b) { return _mm512_mul_ps(a, b); }

    static Vector div(Vector a, Vector b) { return _mm512_div_ps(a, b); }

    static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }

    static Vector max(Vector a, Vector b) { return _mm512_max_ps(a, b); }

    static Vector min(Vector a, Vector b) { return _mm512_min_ps(a, b); }

    static Vector round(Vector v) {
        return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }

    // v · 2^n, for whole n.
    static Vector scale(Vector v, Vector n) { return _mm512_scalef_ps(v, n); }

    static __m256 fold(Vector v) {
        return _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    }

    // Folded in halves: lanes i and i + 8, then i + 4, i + 2 and i + 1.
    static float sum(Vector v) {
        const __m256 half = fold(v);
        __m128 s = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
        s = _mm_add_ps(s, _mm_movehl_ps(s, s));
        return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
    }

    static __m256 fold_two(Vector a, Vector b) {
        const __m256 x = fold(a);
        const __m256 y = fold(b);
        return _mm256_add_ps(_mm256_permute2f128_ps(x, y, 0x20), _mm256_permute2f128_ps(x, y, 0x31));
    }

    // The sums of four vectors, the same bits as `sum` gives, with half the work.
    static void store_sums(float* to, Vector a, Vector b, Vector c, Vector d) {
        const __m256 ab = fold_two(a, b);
        const __m256 cd = fold_two(c, d);
        const __m256 pairs = _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xEE));
        const __m256 all_four = _mm256_add_ps(pairs, _mm256_movehdup_ps(pairs));  // [a - c - | b - d -]
        const __m128 acbd =
            _mm_shuffle_ps(_mm256_castps256_ps128(all_four), _mm256_extractf128_ps(all_four, 1), 0x88);
        _mm_storeu_ps(to, _mm_permute_ps(acbd, 0xD8));
    }

    static float largest(Vector v) { return _mm512_reduce_max_ps(v); }
};

}  // namespace capstan::engine::kernels
