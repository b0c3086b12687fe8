// The products for NEON with matrices of 8 bits (FEAT_I8MM). Only this file is compiled for them, by the
// pragma below; linear_table.cc asks the processor before it calls anything here.

#if defined(__aarch64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <arm_neon.h>

#include "engine/kernels/linear_quantise.h"
#include "engine/kernels/linear_table.h"
#include "engine/kernels/simd_neon.h"

#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)

#include "engine/kernels/linear_products.h"
#include "engine/kernels/linear_rounding.h"
#include "engine/kernels/linear_simd_neon.h"

namespace capstan::engine::kernels {

struct LinearNeonI8mm : LinearNeonCommon<LinearNeonI8mm> {
    static int32x4_t dot4_of(int32x4_t sums, int8x16_t weights, int8x16_t x) {
        return vdotq_s32(sums, weights, x);
    }
};

// Sums of one group of 8 bits, for two inputs at a time: the instruction multiplies 2 rows of 8 columns with
// 2 inputs of 8 columns, twice as much as a dot product. Two neighbouring quads give those 8 columns.
template <class F, int kT>
    requires(kT >= 2 && F::kFormat != PackedFormat::kInt16)
struct GroupProduct<LinearNeonI8mm, F, kT> {
    using S = LinearNeonI8mm;
    using Ints = NeonInts;
    static constexpr std::int64_t kRowBytes = 32;  // Of a row's codes in a group.
    static constexpr bool kIsWide = F::kFormat == PackedFormat::kQ8_0;
    static constexpr bool kHasOffset = F::kOffset >= 0 && !kIsWide;
    static constexpr int kPairs = kT / 2;
    static constexpr std::int64_t kHalfBytes = F::Codes::kSteps * 4;

    // Of two inputs, [row][input] in each vector: rows 0 and 1, 2 and 3, …
    struct PairSums {
        int32x4_t rows[4];
    };

    static int8x16_t inputs(const std::byte* first, const std::byte* second) {
        const auto* a = reinterpret_cast<const std::int8_t*>(first);
        const auto* b = reinterpret_cast<const std::int8_t*>(second);
        return vcombine_s8(vld1_s8(a), vld1_s8(b));
    }

    // Two quads of rows with the 8 inputs at x.
    [[gnu::always_inline]] static void add_quads(
        Ints quad, Ints next, const std::byte* x, PairSums (&pairs)[kPairs], Ints* last
    ) {
        quad = S::as_signed<kIsWide>(quad);
        next = S::as_signed<kIsWide>(next);
        const int8x16_t weights[4] = {
            vreinterpretq_s8_s32(vzip1q_s32(quad.low, next.low)),
            vreinterpretq_s8_s32(vzip2q_s32(quad.low, next.low)),
            vreinterpretq_s8_s32(vzip1q_s32(quad.high, next.high)),
            vreinterpretq_s8_s32(vzip2q_s32(quad.high, next.high))
        };
#pragma clang loop unroll(full)
        for (int pair = 0; pair < kPairs; ++pair) {
            const int8x16_t both = inputs(x + 2 * pair * kRowBytes, x + (2 * pair + 1) * kRowBytes);
#pragma clang loop unroll(full)
            for (int i = 0; i < 4; ++i) {
                pairs[pair].rows[i] = vmmlaq_s32(pairs[pair].rows[i], weights[i], both);
            }
        }
        if constexpr (kT % 2 == 1) {  // Already signed.
            *last = S::dot4<false>(*last, quad, x + (kT - 1) * kRowBytes);
            *last = S::dot4<false>(*last, next, x + (kT - 1) * kRowBytes + 4);
        }
    }

    template <int... kStep>
    [[gnu::always_inline]] static void
    steps(const std::byte* weights, const std::byte* x, PairSums (&pairs)[kPairs], Ints* last, std::integer_sequence<int, kStep...>) {
        const QuadPair<S> quads[] = {F::Codes::template load<kStep>(weights)...};
#pragma clang loop unroll(full)
        for (int i = 0; i < F::Codes::kSteps; i += 2) {
            add_quads(quads[i].first, quads[i + 1].first, x + i * 4, pairs, last);
            add_quads(quads[i].second, quads[i + 1].second, x + kHalfBytes + i * 4, pairs, last);
        }
    }

    [[gnu::always_inline]] static void run(
        const std::byte* weights, const std::byte* x, const std::int32_t* offsets, Ints (&sums)[kT]
    ) {
        PairSums pairs[kPairs];
        Ints last = S::all(0);
#pragma clang loop unroll(full)
        for (auto& pair : pairs) {
#pragma clang loop unroll(full)
            for (auto& rows : pair.rows) {
                rows = vdupq_n_s32(0);
            }
        }
        steps(weights, x, pairs, &last, std::make_integer_sequence<int, F::Codes::kSteps>());
#pragma clang loop unroll(full)
        for (int pair = 0; pair < kPairs; ++pair) {
            const auto& rows = pairs[pair].rows;
            sums[2 * pair] = {vuzp1q_s32(rows[0], rows[1]), vuzp1q_s32(rows[2], rows[3])};
            sums[2 * pair + 1] = {vuzp2q_s32(rows[0], rows[1]), vuzp2q_s32(rows[2], rows[3])};
        }
        if constexpr (kT % 2 == 1) {
            sums[kT - 1] = last;
        }
        if constexpr (kHasOffset) {
#pragma clang loop unroll(full)
            for (int t = 0; t < kT; ++t) {
                const int32x4_t offset = vdupq_n_s32(offsets[t]);
                sums[t] = {vaddq_s32(sums[t].low, offset), vaddq_s32(sums[t].high, offset)};
            }
        }
    }
};

const LinearTable kNeonI8mmLinear = {
    .isa = LinearIsa::kNeonI8mm,
    .block_tokens = LinearNeonI8mm::kTokens,
    .quantise = vector_quantise<LinearNeonI8mm>,
    .multiply = vector_multiply<LinearNeonI8mm>,
    .round = Rounding<LinearNeonI8mm>::run,
};

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
