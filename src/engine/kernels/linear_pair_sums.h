#pragma once

// The integer sums of a group where an instruction multiplies bytes but sums only neighbours, in 16 bits
// (AVX2 without VNNI). Such sums are added up in 16 bits as long as they fit, and only then widened: two
// instructions for 32 products where widening each takes three. Include only between target pragmas.

#include "engine/kernels/linear_unroll.h"
#include "engine/kernels/linear_weights.h"

namespace capstan::engine::kernels {

// Codes of 8 bits never fit: of two products of each, the sum can be beyond 16 bits.
template <class Codes>
inline constexpr int kStepsFitting = 32'767 / (2 * 127 * Codes::kCodeMax) / 2;  // Each of two quads.

template <class S, class Codes, int kT>
struct PairSums {
    using Ints = typename S::Ints;
    static constexpr int kRun = kStepsFitting<Codes> < Codes::kSteps ? kStepsFitting<Codes> : Codes::kSteps;
    static_assert(kRun > 0 && Codes::kSteps % kRun == 0);

    [[gnu::always_inline]] static void add_quad(Ints codes, const std::byte* x, Ints (&pairs)[kT]) {
        CAPSTAN_UNROLL
        for (int t = 0; t < kT; ++t) {
            pairs[t] = S::add_pairs(pairs[t], codes, x + t * kGroupColumns);
        }
    }

    template <int kStep>
    [[gnu::always_inline]] static void step(const std::byte* weights, const std::byte* x, Ints (&pairs)[kT]) {
        const QuadPair<S> quads = Codes::template load<kStep>(weights);
        add_quad(quads.first, x + kStep * 4, pairs);
        add_quad(quads.second, x + (kStep + Codes::kSteps) * 4, pairs);
    }

    // Steps from kBegin on.
    template <int kBegin, int... kStep>
    [[gnu::always_inline]] static void
    add_run(const std::byte* weights, const std::byte* x, Ints (&sums)[kT], std::integer_sequence<int, kStep...>) {
        Ints pairs[kT];
        CAPSTAN_UNROLL
        for (int t = 0; t < kT; ++t) {
            pairs[t] = S::all(0);
        }
        (step<kBegin + kStep>(weights, x, pairs), ...);
        CAPSTAN_UNROLL
        for (int t = 0; t < kT; ++t) {
            sums[t] = S::add_widened(sums[t], pairs[t]);
        }
    }

    template <int... kIndex>
    [[gnu::always_inline]] static void
    runs(const std::byte* weights, const std::byte* x, Ints (&sums)[kT], std::integer_sequence<int, kIndex...>) {
        (add_run<kIndex * kRun>(weights, x, sums, std::make_integer_sequence<int, kRun>()), ...);
    }

    // sums + the products of a group's codes with kT rows of inputs.
    [[gnu::always_inline]] static void run(const std::byte* weights, const std::byte* x, Ints (&sums)[kT]) {
        runs(weights, x, sums, std::make_integer_sequence<int, Codes::kSteps / kRun>());
    }
};

}  // namespace capstan::engine::kernels
