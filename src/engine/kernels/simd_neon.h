#pragma once

// Eight floats at a time, in two vectors of NEON: what the vector kernels need on ARM. In the order of
// simd_avx2.h, down to what `max` makes of NaN.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <arm_neon.h>

#include "engine/files/data_type.h"

namespace capstan::engine::kernels {

struct NeonFloats {
    float32x4_t low;
    float32x4_t high;
};

struct Neon {
    using Vector = NeonFloats;
    static constexpr std::int64_t kWidth = 8;
    static constexpr int kTileRows = 4;  // 4 × 2 sums, 4 weights and 1 input, in pairs, fit 32 registers.
    static constexpr int kTileTokens = 2;

    static Vector zero() { return all(0.0F); }

    static Vector all(float value) { return {vdupq_n_f32(value), vdupq_n_f32(value)}; }

    static Vector load(const float* from) { return {vld1q_f32(from), vld1q_f32(from + 4)}; }

    static void store(float* to, Vector v) {
        vst1q_f32(to, v.low);
        vst1q_f32(to + 4, v.high);
    }

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
            const uint8x16_t low = vld1q_u8(reinterpret_cast<const std::uint8_t*>(from));
            const uint8x16_t high = vld1q_u8(reinterpret_cast<const std::uint8_t*>(from) + 16);
            return {vreinterpretq_f32_u8(low), vreinterpretq_f32_u8(high)};
        } else {
            const uint8x16_t bytes = vld1q_u8(reinterpret_cast<const std::uint8_t*>(from));
            return of_halves<kType>(vreinterpretq_u16_u8(bytes));
        }
    }

    template <DataType kType>
    static Vector load_weights_part(const std::byte* from, std::int64_t count) {
        std::byte buffer[kWidth * sizeof(float)] = {};
        std::memcpy(buffer, from, static_cast<std::size_t>(count * (kType == DataType::kF32 ? 4 : 2)));
        return load_weights<kType>(buffer);
    }

    static Vector load_int8(const std::byte* from) {
        const int16x8_t wide = vmovl_s8(vld1_s8(reinterpret_cast<const std::int8_t*>(from)));
        return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))), vcvtq_f32_s32(vmovl_high_s16(wide))};
    }

    static Vector add(Vector a, Vector b) { return {vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)}; }

    static Vector sub(Vector a, Vector b) { return {vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high)}; }

    static Vector mul(Vector a, Vector b) { return {vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)}; }

    static Vector div(Vector a, Vector b) { return {vdivq_f32(a.low, b.low), vdivq_f32(a.high, b.high)}; }

    static Vector fma(Vector a, Vector b, Vector c) {
        return {vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
    }

    // b where a is NaN, as on other processors; NEON's own maximum would be NaN.
    static Vector max(Vector a, Vector b) {
        return {
            vbslq_f32(vcgtq_f32(a.low, b.low), a.low, b.low),
            vbslq_f32(vcgtq_f32(a.high, b.high), a.high, b.high)
        };
    }

    static Vector min(Vector a, Vector b) {
        return {
            vbslq_f32(vcltq_f32(a.low, b.low), a.low, b.low),
            vbslq_f32(vcltq_f32(a.high, b.high), a.high, b.high)
        };
    }

    static Vector round(Vector v) { return {vrndnq_f32(v.low), vrndnq_f32(v.high)}; }

    // v · 2^n, for whole n from -126 to 127.
    static Vector scale(Vector v, Vector n) {
        return {vmulq_f32(v.low, power(n.low)), vmulq_f32(v.high, power(n.high))};
    }

    // Folded in halves: lanes i and i + 4, then i + 2, then i + 1.
    static float sum(Vector v) {
        const float32x4_t four = vaddq_f32(v.low, v.high);
        const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
        return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
    }

    // The sums of four vectors, the same bits as `sum` gives.
    static void store_sums(float* to, Vector a, Vector b, Vector c, Vector d) {
        const float32x4_t ab = halves_of(vaddq_f32(a.low, a.high), vaddq_f32(b.low, b.high));
        const float32x4_t cd = halves_of(vaddq_f32(c.low, c.high), vaddq_f32(d.low, d.high));
        vst1q_f32(to, vpaddq_f32(ab, cd));
    }

    static float largest(Vector v) {
        const float32x4_t four = vbslq_f32(vcgtq_f32(v.low, v.high), v.low, v.high);
        return vmaxvq_f32(four);
    }

    template <DataType kType>
    static Vector of_halves(uint16x8_t halves) {
        if constexpr (kType == DataType::kF16) {
            const float16x8_t numbers = vreinterpretq_f16_u16(halves);
            return {vcvt_f32_f16(vget_low_f16(numbers)), vcvt_high_f32_f16(numbers)};
        }
        return {
            vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(halves), 16)),
            vreinterpretq_f32_u32(vshll_high_n_u16(halves, 16))
        };
    }

private:
    static float32x4_t power(float32x4_t n) {
        const int32x4_t exponent = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
        return vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23));
    }

    // Lanes i and i + 2 of both: [a a b b].
    static float32x4_t halves_of(float32x4_t a, float32x4_t b) {
        return vcombine_f32(
            vadd_f32(vget_low_f32(a), vget_high_f32(a)), vadd_f32(vget_low_f32(b), vget_high_f32(b))
        );
    }
};

}  // namespace capstan::engine::kernels
