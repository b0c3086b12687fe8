#pragma once

// Eight rows at a time: what the products (linear_products.h) need of AVX2, FMA and F16C, and with kHasVnni
// of AVX-VNNI, too. Include only between the target pragmas of linear_avx2.cc and linear_avx_vnni.cc.

#include <cstring>

#include <immintrin.h>

#include "engine/kernels/linear_quantise.h"

namespace capstan::engine::kernels {

template <bool kHasVnni>
struct LinearAvx2 {
    using Ints = __m256i;
    using Floats = __m256;
    static constexpr std::int64_t kRows = 8;
    static constexpr int kTokens = 4;  // 4 integer and 4 float sums, weights and scales fit 16 registers.
    static constexpr bool kWideIsSigned = false;
    static constexpr bool kSumsPairs = false;
    static constexpr bool kAsksOnce = false;

    static Ints load(const std::byte* from) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    }

    static Ints all(std::int32_t value) { return _mm256_set1_epi32(value); }

    static Floats all(float value) { return _mm256_set1_ps(value); }

    static Ints low_nibbles(Ints v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }

    static Ints high_nibbles(Ints v) {
        return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
    }

    // v | (bits shifted left by kShift, or right if that is negative) & kMask, byte by byte.
    template <int kShift, int kMask>
    static Ints or_bits(Ints v, Ints bits) {
        if constexpr (kShift > 0) {
            bits = _mm256_slli_epi16(bits, kShift);
        } else if constexpr (kShift < 0) {
            bits = _mm256_srli_epi16(bits, -kShift);
        }
        return _mm256_or_si256(v, _mm256_and_si256(bits, _mm256_set1_epi8(kMask)));
    }

    // The entry of 16 that each byte names.
    static Ints look_up(const std::int8_t* table, Ints v) {
        const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
        return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(entries), v);
    }

    // The same 4 inputs of 8 bits, or 2 of 16, for each row.
    static Ints inputs_at(const std::byte* x) { return _mm256_set1_epi32(four_bytes(x)); }

    // sums + in each row, the products of 4 unsigned weights with 4 inputs. kWide: of 8 bits. Without VNNI,
    // pairs are summed in 16 bits, where two products of 8 bits each fit only with signs.
    template <bool kWide>
    static Ints dot4(Ints sums, Ints weights, Ints inputs) {
        if constexpr (kHasVnni) {
            return _mm256_dpbusd_avx_epi32(sums, weights, inputs);
        } else if constexpr (kWide) {
            const __m256i numbers = _mm256_xor_si256(weights, _mm256_set1_epi8(-128));
            return add_widened(
                sums, _mm256_maddubs_epi16(_mm256_abs_epi8(numbers), _mm256_sign_epi8(inputs, numbers))
            );
        } else {
            return add_widened(sums, _mm256_maddubs_epi16(weights, inputs));
        }
    }

    // The same with 2 weights and inputs of 16 bits.
    static Ints dot2(Ints sums, Ints weights, Ints inputs) {
        if constexpr (kHasVnni) {
            return _mm256_dpwssd_avx_epi32(sums, weights, inputs);
        } else {
            return _mm256_add_epi32(sums, _mm256_madd_epi16(weights, inputs));
        }
    }

    template <bool kWide>
    static Ints dot4(Ints sums, Ints weights, const std::byte* x) {
        return dot4<kWide>(sums, weights, inputs_at(x));
    }

    static Ints dot2(Ints sums, Ints weights, const std::byte* x) {
        return dot2(sums, weights, inputs_at(x));
    }

    // pairs + in each row, two sums of 16 bits: of the products of the first two weights, and of the others.
    static Ints add_pairs(Ints pairs, Ints weights, Ints inputs) {
        return _mm256_add_epi16(pairs, _mm256_maddubs_epi16(weights, inputs));
    }

    // sums + both sums of 16 bits.
    static Ints add_widened(Ints sums, Ints pairs) {
        return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }

    static Floats to_floats(Ints v) { return _mm256_cvtepi32_ps(v); }

    static Floats mul(Floats a, Floats b) { return _mm256_mul_ps(a, b); }

    static Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }

    static Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }

    static Floats fnma(Floats a, Floats b, Floats c) { return _mm256_fnmadd_ps(a, b, c); }

    static Floats load_floats(const std::byte* from) {
        return _mm256_loadu_ps(reinterpret_cast<const float*>(from));
    }

    static Floats load_f16(const std::byte* from) { return _mm256_cvtph_ps(sixteen_bytes(from)); }

    static Floats load_bf16(const std::byte* from) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(sixteen_bytes(from)), 16));
    }

    static Floats load_u8(const std::byte* from) {
        return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(eight_bytes(from)));
    }

    static Floats load_s8(const std::byte* from) {
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight_bytes(from)));
    }

    // 2^(bits - 128).
    static Floats load_e8m0(const std::byte* from) {
        const __m256i bits = _mm256_cvtepu8_epi32(eight_bytes(from));
        // Of bits 0 and 1, the power is below the normal numbers.
        const __m256i small = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), bits);
        const __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(bits, _mm256_set1_epi32(1)), 23);
        const __m256i is_small = _mm256_cmpgt_epi32(_mm256_set1_epi32(2), bits);
        return _mm256_castsi256_ps(_mm256_blendv_epi8(normal, small, is_small));
    }

    static void store(float* to, Floats v, std::int64_t count) {
        if (count >= kRows) {
            _mm256_storeu_ps(to, v);
            return;
        }
        float buffer[kRows];
        _mm256_storeu_ps(buffer, v);
        std::memcpy(to, buffer, static_cast<std::size_t>(count) * sizeof(float));
    }

    static void prefetch(const std::byte* from) {
        _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T0);
    }

    static float float_of_half(std::uint16_t bits) {
        return static_cast<float>(__builtin_bit_cast(_Float16, bits));
    }

    static float round(float value) { return __builtin_nearbyintf(value); }

    static void quantise_group(const float* x, std::int64_t count, const GroupTarget& to) {
        float buffer[kGroupColumns] = {};
        if (count < kGroupColumns) {
            std::memcpy(buffer, x, static_cast<std::size_t>(count) * sizeof(float));
            x = buffer;
        }
        const __m256 parts[4] = {
            _mm256_loadu_ps(x), _mm256_loadu_ps(x + 8), _mm256_loadu_ps(x + 16), _mm256_loadu_ps(x + 24)
        };
        const std::int32_t bits = largest_bits(parts);
        float largest;
        std::memcpy(&largest, &bits, sizeof largest);
        const bool is_finite = bits < 0x7F800000;
        const bool has_codes = is_finite && largest >= kLeastInput;
        const float code_max = to.form == InputForm::kInt8 ? kInt8Max : kInt16Max;
        *to.scale = has_codes ? largest / code_max : is_finite ? 0.0F : __builtin_nanf("");
        const __m256 inverse = _mm256_set1_ps(has_codes ? code_max / largest : 0.0F);
        const __m256i kept = _mm256_set1_epi32(has_codes ? -1 : 0);
        __m256i codes[4];
        for (int i = 0; i < 4; ++i) {
            codes[i] = _mm256_and_si256(_mm256_cvtps_epi32(_mm256_mul_ps(parts[i], inverse)), kept);
        }
        put_codes(codes, to);
    }

private:
    // As integers, magnitudes are in order, infinity and NaN beyond the rest.
    static std::int32_t largest_bits(const __m256 (&parts)[4]) {
        const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
        __m256i largest = _mm256_setzero_si256();
        for (const __m256 part : parts) {
            largest = _mm256_max_epi32(largest, _mm256_and_si256(_mm256_castps_si256(part), magnitude));
        }
        __m128i four = _mm_max_epi32(_mm256_castsi256_si128(largest), _mm256_extracti128_si256(largest, 1));
        four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4E));
        return _mm_cvtsi128_si32(_mm_max_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
    }

    static std::int32_t sum(__m256i v) {
        __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
        return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
    }

    // Packing works within halves of a vector: the permutations put things in order again.
    static void put_codes(const __m256i (&codes)[4], const GroupTarget& to) {
        const __m256i first = _mm256_packs_epi32(codes[0], codes[1]);
        const __m256i second = _mm256_packs_epi32(codes[2], codes[3]);
        auto* out = reinterpret_cast<__m256i*>(to.codes);
        if (to.form == InputForm::kInt16) {
            _mm256_storeu_si256(out, _mm256_permute4x64_epi64(first, 0xD8));
            _mm256_storeu_si256(out + 1, _mm256_permute4x64_epi64(second, 0xD8));
            return;
        }
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        _mm256_storeu_si256(out, _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), order));
        put_sums(
            *to.scale,
            sum(_mm256_add_epi32(codes[0], codes[1])),
            sum(_mm256_add_epi32(codes[2], codes[3])),
            to
        );
    }

    static std::int32_t four_bytes(const std::byte* from) {
        std::int32_t value;
        std::memcpy(&value, from, sizeof value);
        return value;
    }

    static __m128i sixteen_bytes(const std::byte* from) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    }

    static __m128i eight_bytes(const std::byte* from) {
        return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    }
};

}  // namespace capstan::engine::kernels
