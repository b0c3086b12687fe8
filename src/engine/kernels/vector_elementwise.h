#pragma once

// Activations, soft caps and LayerNorm, for any vector type S (simd_avx2.h, simd_avx512.h).

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/kernels/kernels.h"
#include "engine/kernels/vector_kernels.h"

namespace capstan::engine::kernels {

template <class S>
typename S::Vector load_some(const float* from, std::int64_t count) {
    return count >= S::kWidth ? S::load(from) : S::load_part(from, count);
}

template <class S>
void store_some(float* to, typename S::Vector v, std::int64_t count) {
    if (count >= S::kWidth) {
        S::store(to, v);
    } else {
        S::store_part(to, v, count);
    }
}

template <class S>
typename S::Vector vector_silu(typename S::Vector x) {
    return S::div(x, S::add(S::all(1), vector_exp<S>(S::sub(S::zero(), x))));
}

// x/2 · (1 + erf(x / √2)), with erf to 1.5e-7 (Abramowitz and Stegun, 7.1.26), as max(x, 0) - |x|/2 · erfc:
// small results keep their digits.
template <class S>
typename S::Vector vector_gelu(typename S::Vector x) {
    const auto magnitude = S::max(x, S::sub(S::zero(), x));
    const auto z = S::mul(magnitude, S::all(0.70710678F));
    const auto t = S::div(S::all(1), S::fma(z, S::all(0.3275911F), S::all(1)));
    auto p = S::all(1.061405429F);
    p = S::fma(p, t, S::all(-1.453152027F));
    p = S::fma(p, t, S::all(1.421413741F));
    p = S::fma(p, t, S::all(-0.284496736F));
    p = S::fma(p, t, S::all(0.254829592F));
    const auto complement = S::mul(S::mul(p, t), vector_exp<S>(S::sub(S::zero(), S::mul(z, z))));
    const auto half = S::mul(magnitude, S::all(0.5F));
    return S::sub(S::max(x, S::zero()), S::mul(half, complement));
}

// x/2 · (1 + tanh(u)) is x · sigmoid(2u), with u = √(2/π) · (x + 0.044715 x³).
template <class S>
typename S::Vector vector_gelu_tanh(typename S::Vector x) {
    const auto cubed = S::mul(S::mul(x, x), x);
    const auto u = S::mul(S::fma(cubed, S::all(0.044715F), x), S::all(2 * 0.7978845608F));
    return S::div(x, S::add(S::all(1), vector_exp<S>(S::sub(S::zero(), u))));
}

template <class S, typename S::Vector (*kActivation)(typename S::Vector)>
void activate_each(const ActivationWork& work) {
    for (std::int64_t i = 0; i < work.count; i += S::kWidth) {
        const std::int64_t rest = work.count - i;
        if (work.gate == nullptr) {
            store_some<S>(work.out + i, kActivation(load_some<S>(work.up + i, rest)), rest);
        } else {
            const auto gate = kActivation(load_some<S>(work.gate + i, rest));
            store_some<S>(work.out + i, S::mul(gate, load_some<S>(work.up + i, rest)), rest);
        }
    }
}

template <class S>
void vector_activate(const ActivationWork& work) {
    switch (work.kind) {
        case ActivationKind::kSilu:
            return activate_each<S, vector_silu<S>>(work);
        case ActivationKind::kGelu:
            return activate_each<S, vector_gelu<S>>(work);
        case ActivationKind::kGeluTanh:
            return activate_each<S, vector_gelu_tanh<S>>(work);
    }
}

// tanh(v) = 1 - 2 / (e^2v + 1), to 1e-7 of 1.
template <class S>
void vector_soft_cap(const SoftCapWork& work) {
    const auto cap = S::all(work.cap);
    const auto twice = S::all(2 / work.cap);
    for (std::int64_t i = 0; i < work.count; i += S::kWidth) {
        const std::int64_t rest = work.count - i;
        const auto power = vector_exp<S>(S::mul(load_some<S>(work.x + i, rest), twice));
        const auto tangent = S::sub(S::all(1), S::div(S::all(2), S::add(power, S::all(1))));
        store_some<S>(work.x + i, S::mul(cap, tangent), rest);
    }
}

// The mean first, then the squares of what is left: the other way loses digits.
template <class S>
void vector_layer_norm(const LayerNormWork& work) {
    const auto count = static_cast<float>(work.count);
    auto sum = S::zero();
    for (std::int64_t i = 0; i < work.count; i += S::kWidth) {
        sum = S::add(sum, load_some<S>(work.x + i, work.count - i));
    }
    const float mean = S::sum(sum) / count;
    auto squares = S::zero();
    std::int64_t i = 0;
    for (; i + S::kWidth <= work.count; i += S::kWidth) {
        const auto difference = S::sub(S::load(work.x + i), S::all(mean));
        squares = S::fma(difference, difference, squares);
    }
    float total = S::sum(squares);
    for (; i < work.count; ++i) {
        total += (work.x[i] - mean) * (work.x[i] - mean);
    }
    const auto scale = S::all(1 / std::sqrt(total / count + work.epsilon));
    for (i = 0; i < work.count; i += S::kWidth) {
        const std::int64_t rest = work.count - i;
        const auto x = S::mul(S::sub(load_some<S>(work.x + i, rest), S::all(mean)), scale);
        const auto bias = load_some<S>(work.bias + i, rest);
        store_some<S>(work.out + i, S::fma(x, load_some<S>(work.weight + i, rest), bias), rest);
    }
}

}  // namespace capstan::engine::kernels
