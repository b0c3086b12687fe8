#pragma once

// The kernels that are not matrix products, for any vector type S (simd_avx2.h, simd_avx512.h).

#include <cmath>
#include <cstdint>

#include "engine/kernels/kernels.h"

namespace capstan::engine::kernels {

// e^v to about two units in the last place (Cephes' expf); clamped to [2^-126, 2^127.5].
template <class S>
typename S::Vector vector_exp(typename S::Vector v) {
    v = S::min(S::max(v, S::all(-87.3365F)), S::all(88.37F));
    const auto n = S::round(S::mul(v, S::all(1.44269504F)));
    auto r = S::fma(n, S::all(-0.693359375F), v);  // ln 2 in two parts, so that r is exact.
    r = S::fma(n, S::all(2.12194440e-4F), r);
    auto p = S::all(1.9875691500e-4F);
    p = S::fma(p, r, S::all(1.3981999507e-3F));
    p = S::fma(p, r, S::all(8.3334519073e-3F));
    p = S::fma(p, r, S::all(4.1665795894e-2F));
    p = S::fma(p, r, S::all(1.6666665459e-1F));
    p = S::fma(p, r, S::all(5.0000001201e-1F));
    p = S::add(S::fma(p, S::mul(r, r), r), S::all(1.0F));
    return S::scale(p, n);
}

template <class S>
void vector_rms_norm(const RmsNormWork& work) {
    auto squares = S::zero();
    std::int64_t i = 0;
    for (; i + S::kWidth <= work.count; i += S::kWidth) {
        const auto x = S::load(work.x + i);
        squares = S::fma(x, x, squares);
    }
    if (i < work.count) {
        const auto x = S::load_part(work.x + i, work.count - i);
        squares = S::fma(x, x, squares);
    }
    const float mean = S::sum(squares) / static_cast<float>(work.count);
    const auto scale = S::all(1.0F / std::sqrt(mean + work.epsilon));
    i = 0;
    for (; i + S::kWidth <= work.count; i += S::kWidth) {
        S::store(work.out + i, S::mul(S::mul(S::load(work.x + i), scale), S::load(work.weight + i)));
    }
    if (const std::int64_t rest = work.count - i; rest > 0) {
        const auto x = S::mul(S::load_part(work.x + i, rest), scale);
        S::store_part(work.out + i, S::mul(x, S::load_part(work.weight + i, rest)), rest);
    }
}

template <class S>
void vector_rope(const RopeWork& work) {
    const std::int64_t half = work.head_dim / 2;
    for (std::int64_t head = 0; head < work.heads; ++head) {
        float* first = work.x + head * work.head_dim;
        float* second = first + half;
        std::int64_t i = 0;
        for (; i + S::kWidth <= half; i += S::kWidth) {
            const auto cosine = S::load(work.cosines + i);
            const auto sine = S::load(work.sines + i);
            const auto a = S::load(first + i);
            const auto b = S::load(second + i);
            S::store(first + i, S::sub(S::mul(a, cosine), S::mul(b, sine)));
            S::store(second + i, S::fma(b, cosine, S::mul(a, sine)));
        }
        if (const std::int64_t rest = half - i; rest > 0) {
            const auto cosine = S::load_part(work.cosines + i, rest);
            const auto sine = S::load_part(work.sines + i, rest);
            const auto a = S::load_part(first + i, rest);
            const auto b = S::load_part(second + i, rest);
            S::store_part(first + i, S::sub(S::mul(a, cosine), S::mul(b, sine)), rest);
            S::store_part(second + i, S::fma(b, cosine, S::mul(a, sine)), rest);
        }
    }
}

template <class S>
void vector_add(const AddWork& work) {
    const auto scale = S::all(work.scale);
    std::int64_t i = 0;
    for (; i + S::kWidth <= work.count; i += S::kWidth) {
        S::store(work.y + i, S::fma(scale, S::load(work.x + i), S::load(work.y + i)));
    }
    if (const std::int64_t rest = work.count - i; rest > 0) {
        const auto y = S::fma(scale, S::load_part(work.x + i, rest), S::load_part(work.y + i, rest));
        S::store_part(work.y + i, y, rest);
    }
}

}  // namespace capstan::engine::kernels
