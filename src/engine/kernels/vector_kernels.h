#pragma once

// The kernels that are not matrix products, for any vector type S (simd_avx2.h, simd_avx512.h).

#include <algorithm>
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
typename S::Vector vector_silu_times(typename S::Vector gate, typename S::Vector up) {
    const auto down = S::add(S::all(1.0F), vector_exp<S>(S::sub(S::zero(), gate)));
    return S::mul(S::div(gate, down), up);
}

template <class S>
void vector_swiglu(const SwigluWork& work) {
    std::int64_t i = 0;
    for (; i + S::kWidth <= work.count; i += S::kWidth) {
        S::store(work.out + i, vector_silu_times<S>(S::load(work.gate + i), S::load(work.up + i)));
    }
    if (const std::int64_t rest = work.count - i; rest > 0) {
        const auto gate = S::load_part(work.gate + i, rest);
        S::store_part(work.out + i, vector_silu_times<S>(gate, S::load_part(work.up + i, rest)), rest);
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

// Scores of whole blocks, so that the last ones may be of positions that do not exist; the caller ignores
// them.
template <class S>
void attention_scores(const AttentionWork& work, std::int64_t blocks) {
    constexpr int kVectors = static_cast<int>(kKeyTile / S::kWidth);
    constexpr int kTiles = static_cast<int>(kKvBlockTokens / kKeyTile);
    const std::int64_t head_dim = work.kv.head_dim;
    for (std::int64_t block = 0; block < blocks; ++block) {
        const float* keys = work.kv.keys(block, work.kv_head);
        typename S::Vector sums[kTiles * kVectors];
#pragma clang loop unroll(full)
        for (auto& sum : sums) {
            sum = S::zero();
        }
        for (std::int64_t d = 0; d < head_dim; ++d) {
            const auto query = S::all(work.query[d]);
#pragma clang loop unroll(full)
            for (int i = 0; i < kTiles * kVectors; ++i) {
                const float* tile = keys + i / kVectors * kKeyTile * head_dim;
                sums[i] = S::fma(query, S::load(tile + d * kKeyTile + i % kVectors * S::kWidth), sums[i]);
            }
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < kTiles * kVectors; ++i) {
            S::store(
                work.scores + block * kKvBlockTokens + i * S::kWidth, S::mul(sums[i], S::all(work.scale))
            );
        }
    }
}

// Makes scores e^(score - largest); returns their sum.
template <class S>
float attention_softmax(float* scores, std::int64_t tokens) {
    float largest = scores[0];
    std::int64_t t = 0;
    auto largest_lanes = S::all(scores[0]);
    for (; t + S::kWidth <= tokens; t += S::kWidth) {
        largest_lanes = S::max(largest_lanes, S::load(scores + t));
    }
    largest = S::largest(largest_lanes);
    for (; t < tokens; ++t) {
        largest = std::max(largest, scores[t]);
    }
    const auto shift = S::all(largest);
    auto sum = S::zero();
    t = 0;
    for (; t + S::kWidth <= tokens; t += S::kWidth) {
        const auto e = vector_exp<S>(S::sub(S::load(scores + t), shift));
        S::store(scores + t, e);
        sum = S::add(sum, e);
    }
    if (const std::int64_t rest = tokens - t; rest > 0) {
        S::store_part(scores + t, vector_exp<S>(S::sub(S::load_part(scores + t, rest), shift)), rest);
        sum = S::add(sum, S::load_part(scores + t, rest));
    }
    return S::sum(sum);
}

// kVectors neighbouring vectors of the output, from element `d` on. Two sums each hide the latency.
template <class S, int kVectors>
void attention_values(const AttentionWork& work, std::int64_t d, float factor) {
    const std::int64_t head_dim = work.kv.head_dim;
    typename S::Vector even[kVectors];
    typename S::Vector odd[kVectors];
#pragma clang loop unroll(full)
    for (int v = 0; v < kVectors; ++v) {
        even[v] = S::zero();
        odd[v] = S::zero();
    }
    for (std::int64_t begin = 0; begin < work.tokens; begin += kKvBlockTokens) {
        const float* values = work.kv.values(begin / kKvBlockTokens, work.kv_head) + d;
        const float* weights = work.scores + begin;
        const std::int64_t tokens = std::min(kKvBlockTokens, work.tokens - begin);
        std::int64_t t = 0;
        for (; t + 2 <= tokens; t += 2) {
            const auto first = S::all(weights[t]);
            const auto second = S::all(weights[t + 1]);
#pragma clang loop unroll(full)
            for (int v = 0; v < kVectors; ++v) {
                even[v] = S::fma(first, S::load(values + t * head_dim + v * S::kWidth), even[v]);
                odd[v] = S::fma(second, S::load(values + (t + 1) * head_dim + v * S::kWidth), odd[v]);
            }
        }
        if (t < tokens) {
            const auto first = S::all(weights[t]);
#pragma clang loop unroll(full)
            for (int v = 0; v < kVectors; ++v) {
                even[v] = S::fma(first, S::load(values + t * head_dim + v * S::kWidth), even[v]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int v = 0; v < kVectors; ++v) {
        S::store(work.out + d + v * S::kWidth, S::mul(S::add(even[v], odd[v]), S::all(factor)));
    }
}

// The last elements of a head that fill no vector.
template <class S>
void attention_values_rest(const AttentionWork& work, std::int64_t d, float factor) {
    const std::int64_t rest = work.kv.head_dim - d;
    auto sum = S::zero();
    for (std::int64_t t = 0; t < work.tokens; ++t) {
        const float* values = work.kv.values(t / kKvBlockTokens, work.kv_head);
        const auto row = S::load_part(values + t % kKvBlockTokens * work.kv.head_dim + d, rest);
        sum = S::fma(S::all(work.scores[t]), row, sum);
    }
    S::store_part(work.out + d, S::mul(sum, S::all(factor)), rest);
}

template <class S>
void vector_attention(const AttentionWork& work) {
    attention_scores<S>(work, (work.tokens + kKvBlockTokens - 1) / kKvBlockTokens);
    const float factor = 1.0F / attention_softmax<S>(work.scores, work.tokens);
    std::int64_t d = 0;
    for (; d + 4 * S::kWidth <= work.kv.head_dim; d += 4 * S::kWidth) {
        attention_values<S, 4>(work, d, factor);
    }
    for (; d + 2 * S::kWidth <= work.kv.head_dim; d += 2 * S::kWidth) {
        attention_values<S, 2>(work, d, factor);
    }
    for (; d + S::kWidth <= work.kv.head_dim; d += S::kWidth) {
        attention_values<S, 1>(work, d, factor);
    }
    if (d < work.kv.head_dim) {
        attention_values_rest<S>(work, d, factor);
    }
}

}  // namespace capstan::engine::kernels
