#pragma once

// Sixteen rows at a time: what the products (linear_products.h) need of AVX-512 with VNNI. Include only
// between the target pragmas of linear_avx512.cc and linear_amx.cc.

#include <cstring>

#include <immintrin.h>

#include "engine/kernels/linear_quantise.h"

namespace capstan::engine::kernels {

struct LinearAvx512 {
    using Ints = __m512i;
    using Floats = __m512;
    static constexpr std::int64_t kRows = 16;
    static constexpr int kTokens = 12;  // 12 integer and 12 float sums, weights and scales fit 32 registers.

    static constexpr bool kWideIsSigned = false;
    static constexpr bool kSumsPairs = false;
    static constexpr bool kAsksOnce = false;

    static Ints load(const std::byte* from) { return _mm512_loadu_si512(from); }

    static Ints all(std::int32_t value) { return _mm512_set1_epi32(value); }

    static Floats all(float value) { return _mm512_set1_ps(value); }

    static Ints low_nibbles(Ints v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }

    static Ints high_nibbles(Ints v) {
        return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15));
    }

    // v | (bits shifted left by kShift, or right if that is negative) & kMask, byte by byte.
    template <int kShift, int kMask>
    static Ints or_bits(Ints v, Ints bits) {
        if constexpr (kShift > 0) {
            bits = _mm512_slli_epi16(bits, kShift);
        } else if constexpr (kShift < 0) {
            bits = _mm512_srli_epi16(bits, -kShift);
        }
        return _mm512_ternarylogic_epi32(v, bits, _mm512_set1_epi8(kMask), 0xF8);
    }

    // The entry of 16 that each byte names.
    static Ints look_up(const std::int8_t* table, Ints v) {
        const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
        return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(entries), v);
    }

    // sums + in each row, the products of 4 unsigned weights with the same 4 inputs. kWide: of 8 bits.
    template <bool kWide>
    static Ints dot4(Ints sums, Ints weights, const std::byte* x) {
        return _mm512_dpbusd_epi32(sums, weights, _mm512_set1_epi32(four_bytes(x)));
    }

    // The same with 2 weights and inputs of 16 bits.
    static Ints dot2(Ints sums, Ints weights, const std::byte* x) {
        return _mm512_dpwssd_epi32(sums, weights, _mm512_set1_epi32(four_bytes(x)));
    }

    static Floats to_floats(Ints v) { return _mm512_cvtepi32_ps(v); }

    static Floats mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }

    static Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }

    static Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }

    static Floats fnma(Floats a, Floats b, Floats c) { return _mm512_fnmadd_ps(a, b, c); }

    static Floats load_floats(const std::byte* from) { return _mm512_loadu_ps(from); }

    static Floats load_f16(const std::byte* from) { return _mm512_cvtph_ps(halves(from)); }

    static Floats load_bf16(const std::byte* from) {
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves(from)), 16));
    }

    static Floats load_u8(const std::byte* from) {
        return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes(from)));
    }

    static Floats load_s8(const std::byte* from) {
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes(from)));
    }

    // 2^(bits - 128).
    static Floats load_e8m0(const std::byte* from) {
        const __m512i bits = _mm512_cvtepu8_epi32(bytes(from));
        // Of bits 0 and 1, the power is below the normal numbers.
        const __m512i small = _mm512_sllv_epi32(_mm512_set1_epi32(0x00200000), bits);
        const __m512i normal = _mm512_slli_epi32(_mm512_sub_epi32(bits, _mm512_set1_epi32(1)), 23);
        const __mmask16 is_small = _mm512_cmplt_epu32_mask(bits, _mm512_set1_epi32(2));
        return _mm512_castsi512_ps(_mm512_mask_mov_epi32(normal, is_small, small));
    }

    static void store(float* to, Floats v, std::int64_t count) {
        const auto mask = static_cast<__mmask16>(count >= kRows ? 0xFFFFU : (1U << count) - 1U);
        _mm512_mask_storeu_ps(to, mask, v);
    }

    static void prefetch(const std::byte* from) {
        _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T0);
    }

    static float float_of_half(std::uint16_t bits) {
        return static_cast<float>(__builtin_bit_cast(_Float16, bits));
    }

    static float round(float value) { return __builtin_nearbyintf(value); }

    static void quantise_group(const float* x, std::int64_t count, const GroupTarget& to) {
        const std::uint32_t present = count >= kGroupColumns ? 0xFFFFFFFFU : (1U << count) - 1U;
        const __m512 a = _mm512_maskz_loadu_ps(static_cast<__mmask16>(present & 0xFFFFU), x);
        const __m512 b = _mm512_maskz_loadu_ps(static_cast<__mmask16>(present >> 16), x + 16);
        // As integers, magnitudes are in order, infinity and NaN beyond the rest.
        const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
        const __m512i largest_bits = _mm512_max_epu32(
            _mm512_and_si512(_mm512_castps_si512(a), magnitude),
            _mm512_and_si512(_mm512_castps_si512(b), magnitude)
        );
        const auto bits = static_cast<std::uint32_t>(_mm512_reduce_max_epu32(largest_bits));
        float largest;
        std::memcpy(&largest, &bits, sizeof largest);
        const bool is_finite = bits < 0x7F800000U;
        const bool has_codes = is_finite && largest >= kLeastInput;
        const float code_max = to.form == InputForm::kInt8 ? kInt8Max : kInt16Max;
        *to.scale = has_codes ? largest / code_max : is_finite ? 0.0F : __builtin_nanf("");
        const __m512 inverse = _mm512_set1_ps(has_codes ? code_max / largest : 0.0F);
        const auto kept = static_cast<__mmask16>(has_codes ? 0xFFFFU : 0U);
        const __m512i first = _mm512_maskz_cvtps_epi32(kept, _mm512_mul_ps(a, inverse));
        const __m512i second = _mm512_maskz_cvtps_epi32(kept, _mm512_mul_ps(b, inverse));
        if (to.form == InputForm::kInt16) {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(to.codes), _mm512_cvtepi32_epi16(first));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(to.codes + 32), _mm512_cvtepi32_epi16(second));
            return;
        }
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to.codes), _mm512_cvtepi32_epi8(first));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to.codes + 16), _mm512_cvtepi32_epi8(second));
        put_sums(*to.scale, _mm512_reduce_add_epi32(first), _mm512_reduce_add_epi32(second), to);
    }

private:
    static std::int32_t four_bytes(const std::byte* from) {
        std::int32_t value;
        std::memcpy(&value, from, sizeof value);
        return value;
    }

    static __m256i halves(const std::byte* from) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    }

    static __m128i bytes(const std::byte* from) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    }
};

}  // namespace capstan::engine::kernels
