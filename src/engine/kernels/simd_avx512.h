#pragma once

// Sixteen floats at a time: what the vector kernels need of AVX-512 F, BW, DQ and VL. Include only between
// the target pragmas of avx512.cc.

#include <immintrin.h>

#include "engine/data_type.h"

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

    static float sum(Vector v) { return _mm512_reduce_add_ps(v); }

    static float largest(Vector v) { return _mm512_reduce_max_ps(v); }
};

}  // namespace capstan::engine::kernels
