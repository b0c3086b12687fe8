#pragma once

// Sixteen rows at a time, in pairs of vectors: what the products (linear_products.h) need of AVX2 without
// VNNI. There, instructions are the bound and not registers: rows in pairs halve those that spread inputs
// over a vector. Include only between the target pragmas of linear_avx2.cc.

#include "engine/kernels/linear_simd_avx2.h"

namespace capstan::engine::kernels {

struct LinearAvx2Pair {
    using Half = LinearAvx2<false>;

    struct Ints {
        __m256i low;  // Rows 0 to 7.
        __m256i high;
    };

    struct Floats {
        __m256 low;
        __m256 high;
    };

    static constexpr std::int64_t kRows = 16;
    static constexpr int kTokens = 4;  // 8 integer sums, weights and inputs fit 16 registers.
    // Sums of products with weights of 8 bits come without their offset.
    static constexpr bool kWideIsSigned = true;
    static constexpr bool kSumsPairs = true;  // linear_pair_sums.h
    static constexpr bool kAsksOnce = true;   // linear_products.h

    static Ints load(const std::byte* from) { return {Half::load(from), Half::load(from + 32)}; }

    static Ints all(std::int32_t value) { return {Half::all(value), Half::all(value)}; }

    static Floats all(float value) { return {Half::all(value), Half::all(value)}; }

    static Ints low_nibbles(Ints v) { return {Half::low_nibbles(v.low), Half::low_nibbles(v.high)}; }

    static Ints high_nibbles(Ints v) { return {Half::high_nibbles(v.low), Half::high_nibbles(v.high)}; }

    template <int kShift, int kMask>
    static Ints or_bits(Ints v, Ints bits) {
        return {
            Half::or_bits<kShift, kMask>(v.low, bits.low), Half::or_bits<kShift, kMask>(v.high, bits.high)
        };
    }

    static Ints look_up(const std::int8_t* table, Ints v) {
        return {Half::look_up(table, v.low), Half::look_up(table, v.high)};
    }

    template <bool kWide>
    static Ints dot4(Ints sums, Ints weights, const std::byte* x) {
        const __m256i inputs = Half::inputs_at(x);
        return in_order(
            {Half::dot4<kWide>(sums.low, weights.low, inputs),
             Half::dot4<kWide>(sums.high, weights.high, inputs)}
        );
    }

    static Ints dot2(Ints sums, Ints weights, const std::byte* x) {
        const __m256i inputs = Half::inputs_at(x);
        return in_order(
            {Half::dot2(sums.low, weights.low, inputs), Half::dot2(sums.high, weights.high, inputs)}
        );
    }

    static Ints add_pairs(Ints pairs, Ints weights, const std::byte* x) {
        const __m256i inputs = Half::inputs_at(x);
        return in_order(
            {Half::add_pairs(pairs.low, weights.low, inputs),
             Half::add_pairs(pairs.high, weights.high, inputs)}
        );
    }

    static Ints add_widened(Ints sums, Ints pairs) {
        return {Half::add_widened(sums.low, pairs.low), Half::add_widened(sums.high, pairs.high)};
    }

    static Floats to_floats(Ints v) { return {Half::to_floats(v.low), Half::to_floats(v.high)}; }

    static Floats mul(Floats a, Floats b) { return {Half::mul(a.low, b.low), Half::mul(a.high, b.high)}; }

    static Floats add(Floats a, Floats b) { return {Half::add(a.low, b.low), Half::add(a.high, b.high)}; }

    static Floats fma(Floats a, Floats b, Floats c) {
        return {Half::fma(a.low, b.low, c.low), Half::fma(a.high, b.high, c.high)};
    }

    static Floats fnma(Floats a, Floats b, Floats c) {
        return {Half::fnma(a.low, b.low, c.low), Half::fnma(a.high, b.high, c.high)};
    }

    static Floats load_floats(const std::byte* from) {
        return {Half::load_floats(from), Half::load_floats(from + 32)};
    }

    static Floats load_f16(const std::byte* from) {
        return {Half::load_f16(from), Half::load_f16(from + 16)};
    }

    static Floats load_bf16(const std::byte* from) {
        return {Half::load_bf16(from), Half::load_bf16(from + 16)};
    }

    static Floats load_u8(const std::byte* from) { return {Half::load_u8(from), Half::load_u8(from + 8)}; }

    static Floats load_s8(const std::byte* from) { return {Half::load_s8(from), Half::load_s8(from + 8)}; }

    static Floats load_e8m0(const std::byte* from) {
        return {Half::load_e8m0(from), Half::load_e8m0(from + 8)};
    }

    static void store(float* to, Floats v, std::int64_t count) {
        Half::store(to, v.low, count);
        if (count > Half::kRows) {
            Half::store(to + Half::kRows, v.high, count - Half::kRows);
        }
    }

    static void prefetch(const std::byte* from) { Half::prefetch(from); }

    static float float_of_half(std::uint16_t bits) { return Half::float_of_half(bits); }

    static float round(float value) { return Half::round(value); }

    static void quantise_group(const float* x, std::int64_t count, const GroupTarget& to) {
        Half::quantise_group(x, count, to);
    }

private:
    // One sum after the other, as they are written: left to itself, the compiler begins many at once, for
    // which 16 registers are too few.
    static Ints in_order(Ints v) {
        asm volatile("" : "+x"(v.low), "+x"(v.high));
        return v;
    }
};

}  // namespace capstan::engine::kernels
