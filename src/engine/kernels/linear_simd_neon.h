#pragma once

// Eight rows at a time, in pairs of vectors: what the products (linear_products.h) need of NEON. Include only
// in linear_neon.cc, and between the target pragmas of linear_neon_dot.cc and linear_neon_i8mm.cc.

#include <cstring>

#include <arm_neon.h>

#include "engine/kernels/linear_quantise.h"
#include "engine/kernels/simd_neon.h"

namespace capstan::engine::kernels {

struct NeonInts {
    int32x4_t low;  // Rows 0 to 3.
    int32x4_t high;
};

// What all ways of multiplying share. `Self` has the dot product of bytes, and keeps the functions of each
// file apart: what they shared, the linker would keep for one of them only.
template <class Self>
struct LinearNeonCommon {
    using Ints = NeonInts;
    using Floats = NeonFloats;
    static constexpr std::int64_t kRows = 8;
    static constexpr int kTokens = 4;  // 4 integer and 4 float sums, weights and scales, in pairs.
    // Sums of products with weights of 8 bits come without their offset: NEON multiplies signed by signed.
    static constexpr bool kWideIsSigned = true;
    static constexpr bool kSumsPairs = false;
    static constexpr bool kAsksOnce = false;

    static Ints load(const std::byte* from) {
        const auto* bytes = reinterpret_cast<const std::int8_t*>(from);
        return {vreinterpretq_s32_s8(vld1q_s8(bytes)), vreinterpretq_s32_s8(vld1q_s8(bytes + 16))};
    }

    static Ints all(std::int32_t value) { return {vdupq_n_s32(value), vdupq_n_s32(value)}; }

    static Floats all(float value) { return Neon::all(value); }

    static Ints low_nibbles(Ints v) {
        return each(v, [](uint8x16_t bytes) { return vandq_u8(bytes, vdupq_n_u8(15)); });
    }

    static Ints high_nibbles(Ints v) {
        return each(v, [](uint8x16_t bytes) { return vshrq_n_u8(bytes, 4); });
    }

    // v | (bits shifted left by kShift, or right if that is negative) & kMask, byte by byte.
    template <int kShift, int kMask>
    static Ints or_bits(Ints v, Ints bits) {
        const Ints shifted = each(bits, [](uint8x16_t bytes) {
            return vandq_u8(vshlq_u8(bytes, vdupq_n_s8(kShift)), vdupq_n_u8(kMask));
        });
        return {vorrq_s32(v.low, shifted.low), vorrq_s32(v.high, shifted.high)};
    }

    // The entry of 16 that each byte names.
    static Ints look_up(const std::int8_t* table, Ints v) {
        const uint8x16_t entries = vreinterpretq_u8_s8(vld1q_s8(table));
        return each(v, [entries](uint8x16_t bytes) { return vqtbl1q_u8(entries, bytes); });
    }

    // Weights of 8 bits become signed numbers; smaller ones are already.
    template <bool kWide>
    static Ints as_signed(Ints weights) {
        if constexpr (kWide) {
            return each(weights, [](uint8x16_t bytes) { return veorq_u8(bytes, vdupq_n_u8(128)); });
        }
        return weights;
    }

    // sums + in each row, the products of 4 unsigned weights with the same 4 inputs. kWide: of 8 bits.
    template <bool kWide>
    static Ints dot4(Ints sums, Ints weights, const std::byte* x) {
        const int8x16_t inputs = vreinterpretq_s8_s32(four_bytes(x));
        const Ints numbers = as_signed<kWide>(weights);
        return {
            Self::dot4_of(sums.low, vreinterpretq_s8_s32(numbers.low), inputs),
            Self::dot4_of(sums.high, vreinterpretq_s8_s32(numbers.high), inputs)
        };
    }

    // The same with 2 weights and inputs of 16 bits.
    static Ints dot2(Ints sums, Ints weights, const std::byte* x) {
        const int16x8_t inputs = vreinterpretq_s16_s32(four_bytes(x));
        return {dot2_of(sums.low, weights.low, inputs), dot2_of(sums.high, weights.high, inputs)};
    }

    static Floats to_floats(Ints v) { return {vcvtq_f32_s32(v.low), vcvtq_f32_s32(v.high)}; }

    static Floats mul(Floats a, Floats b) { return Neon::mul(a, b); }

    static Floats add(Floats a, Floats b) { return Neon::add(a, b); }

    static Floats fma(Floats a, Floats b, Floats c) { return Neon::fma(a, b, c); }

    static Floats fnma(Floats a, Floats b, Floats c) {
        return {vfmsq_f32(c.low, a.low, b.low), vfmsq_f32(c.high, a.high, b.high)};
    }

    static Floats load_floats(const std::byte* from) { return Neon::load_weights<DataType::kF32>(from); }

    static Floats load_f16(const std::byte* from) { return Neon::load_weights<DataType::kF16>(from); }

    static Floats load_bf16(const std::byte* from) { return Neon::load_weights<DataType::kBf16>(from); }

    static Floats load_u8(const std::byte* from) {
        const uint16x8_t wide = vmovl_u8(vld1_u8(reinterpret_cast<const std::uint8_t*>(from)));
        return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide))), vcvtq_f32_u32(vmovl_high_u16(wide))};
    }

    static Floats load_s8(const std::byte* from) {
        const int16x8_t wide = vmovl_s8(vld1_s8(reinterpret_cast<const std::int8_t*>(from)));
        return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))), vcvtq_f32_s32(vmovl_high_s16(wide))};
    }

    // 2^(bits - 128).
    static Floats load_e8m0(const std::byte* from) {
        const uint16x8_t wide = vmovl_u8(vld1_u8(reinterpret_cast<const std::uint8_t*>(from)));
        return {power(vmovl_u16(vget_low_u16(wide))), power(vmovl_high_u16(wide))};
    }

    static void store(float* to, Floats v, std::int64_t count) {
        if (count >= kRows) {
            Neon::store(to, v);
        } else {
            Neon::store_part(to, v, count);
        }
    }

    static void prefetch(const std::byte* from) { __builtin_prefetch(from); }

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
        // As integers, magnitudes are in order, infinity and NaN beyond the rest.
        uint32x4_t largest_bits = vdupq_n_u32(0);
        for (int i = 0; i < kGroupColumns; i += 4) {
            const uint32x4_t bits = vreinterpretq_u32_f32(vld1q_f32(x + i));
            largest_bits = vmaxq_u32(largest_bits, vandq_u32(bits, vdupq_n_u32(0x7FFFFFFFU)));
        }
        const std::uint32_t bits = vmaxvq_u32(largest_bits);
        float largest;
        std::memcpy(&largest, &bits, sizeof largest);
        const bool is_finite = bits < 0x7F800000U;
        const bool has_codes = is_finite && largest >= kLeastInput;
        const float code_max = to.form == InputForm::kInt8 ? kInt8Max : kInt16Max;
        *to.scale = has_codes ? largest / code_max : is_finite ? 0.0F : __builtin_nanf("");
        const float32x4_t inverse = vdupq_n_f32(has_codes ? code_max / largest : 0.0F);
        const int32x4_t kept = vdupq_n_s32(has_codes ? -1 : 0);
        int32x4_t codes[kGroupColumns / 4];
        for (int i = 0; i < kGroupColumns / 4; ++i) {
            codes[i] = vandq_s32(vcvtnq_s32_f32(vmulq_f32(vld1q_f32(x + i * 4), inverse)), kept);
        }
        put_codes(codes, to);
    }

protected:
    static int32x4_t four_bytes(const std::byte* from) {
        std::int32_t value;
        std::memcpy(&value, from, sizeof value);
        return vdupq_n_s32(value);
    }

private:
    template <typename Function>
    static Ints each(Ints v, const Function& function) {
        return {
            vreinterpretq_s32_u8(function(vreinterpretq_u8_s32(v.low))),
            vreinterpretq_s32_u8(function(vreinterpretq_u8_s32(v.high)))
        };
    }

    static int32x4_t dot2_of(int32x4_t sums, int32x4_t weights, int16x8_t x) {
        const int16x8_t numbers = vreinterpretq_s16_s32(weights);
        const int32x4_t low = vmull_s16(vget_low_s16(numbers), vget_low_s16(x));
        return vaddq_s32(sums, vpaddq_s32(low, vmull_high_s16(numbers, x)));
    }

    static float32x4_t power(uint32x4_t bits) {
        // Of bits 0 and 1, the power is below the normal numbers.
        const uint32x4_t small = vshlq_u32(vdupq_n_u32(0x00200000U), vreinterpretq_s32_u32(bits));
        const uint32x4_t normal = vshlq_n_u32(vsubq_u32(bits, vdupq_n_u32(1)), 23);
        return vreinterpretq_f32_u32(vbslq_u32(vcltq_u32(bits, vdupq_n_u32(2)), small, normal));
    }

    static std::int32_t sum(const int32x4_t* codes) {
        return vaddvq_s32(vaddq_s32(vaddq_s32(codes[0], codes[1]), vaddq_s32(codes[2], codes[3])));
    }

    static void put_codes(const int32x4_t (&codes)[kGroupColumns / 4], const GroupTarget& to) {
        int16x8_t halves[kGroupColumns / 8];
        for (int i = 0; i < kGroupColumns / 8; ++i) {
            halves[i] = vcombine_s16(vmovn_s32(codes[2 * i]), vmovn_s32(codes[2 * i + 1]));
        }
        auto* out = reinterpret_cast<std::int8_t*>(to.codes);
        if (to.form == InputForm::kInt16) {
            for (int i = 0; i < kGroupColumns / 8; ++i) {
                vst1q_s8(out + i * 16, vreinterpretq_s8_s16(halves[i]));
            }
            return;
        }
        vst1q_s8(out, vcombine_s8(vmovn_s16(halves[0]), vmovn_s16(halves[1])));
        vst1q_s8(out + 16, vcombine_s8(vmovn_s16(halves[2]), vmovn_s16(halves[3])));
        put_sums(*to.scale, sum(codes), sum(codes + 4), to);
    }
};

}  // namespace capstan::engine::kernels
