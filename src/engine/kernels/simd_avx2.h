#pragma once

// Eight floats at a time: what the vector kernels need of AVX2, FMA and F16C. Include only between the target
// pragmas of avx2.cc.

#include <cstring>

#include <immintrin.h>

#include "engine/files/data_type.h"

namespace capstan::engine::kernels {

struct Avx2 {
    using Vector = __m256;
    static constexpr std::int64_t kWidth = 8;
    static constexpr int kTileRows = 4;  // 4 × 2 sums, 4 weights and 1 input fit 16 registers.
    static constexpr int kTileTokens = 2;

    static Vector zero() { return _mm256_setzero_ps(); }

    static Vector all(float value) { return _mm256_set1_ps(value); }

    static Vector load(const float* from) { return _mm256_loadu_ps(from); }

    static void store(float* to, Vector v) { _mm256_storeu_ps(to, v); }

    // The first `count` (below kWidth) elements; the rest are 0.
    static Vector load_part(const float* from, std::int64_t count) {
        float buffer[kWidth] = {};
        std::memcpy(buffer, from, static_cast<std::size_t>(count) * sizeof(float));
        return load(buffer);
    }

    static void store_part(float* to, Vector v, std::int64_t count) {
        float buffer[kWidth];
        store(buffer, v);
        std::memcpy(to, buffer, static_cast<std::size_t>(count) * sizeof(float));
    }

    template <DataType kType>
    static Vector load_weights(const std::byte* from) {
        if constexpr (kType == DataType::kF32) {
            return _mm256_loadu_ps(reinterpret_cast<const float*>(from));
        }
        const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
        if constexpr (kType == DataType::kF16) {
            return _mm256_cvtph_ps(halves);
        }
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
    }

    template <DataType kType>
    static Vector load_weights_part(const std::byte* from, std::int64_t count) {
        std::byte buffer[kWidth * sizeof(float)] = {};
        std::memcpy(buffer, from, static_cast<std::size_t>(count * (kType == DataType::kF32 ? 4 : 2)));
        return load_weights<kType>(buffer);
    }

    static Vector load_int8(const std::byte* from) {
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))
        ));
    }

    static Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }

    static Vector sub(Vector a, Vector b) { return _mm256_sub_ps(a, b); }

    static Vector mul(Vector a, Vector b) { return _mm256_mul_ps(a, b); }

    static Vector div(Vector a, Vector b) { return _mm256_div_ps(a, b); }

    static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }

    static Vector max(Vector a, Vector b) { return _mm256_max_ps(a, b); }

    static Vector min(Vector a, Vector b) { return _mm256_min_ps(a, b); }

    static Vector round(Vector v) {
        return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }

    // v · 2^n, for whole n from -126 to 127.
    static Vector scale(Vector v, Vector n) {
        const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
        return _mm256_mul_ps(v, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
    }

    // Folded in halves: lanes i and i + 4, then i + 2, then i + 1.
    static float sum(Vector v) {
        __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
        s = _mm_add_ps(s, _mm_movehl_ps(s, s));
        return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
    }

    // The sums of four vectors, the same bits as `sum` gives, with half the work.
    static void store_sums(float* to, Vector a, Vector b, Vector c, Vector d) {
        const Vector ab = add(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
        const Vector cd = add(_mm256_permute2f128_ps(c, d, 0x20), _mm256_permute2f128_ps(c, d, 0x31));
        const Vector pairs = add(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xEE));
        const Vector all = add(pairs, _mm256_movehdup_ps(pairs));  // [a - c - | b - d -]
        const __m128 acbd = _mm_shuffle_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1), 0x88);
        _mm_storeu_ps(to, _mm_permute_ps(acbd, 0xD8));
    }

    static float largest(Vector v) {
        __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
        m = _mm_max_ps(m, _mm_movehl_ps(m, m));
        return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
    }
};

}  // namespace capstan::engine::kernels
