#pragma once

// The attention kernels for any vector type S (simd_avx2.h, simd_avx512.h, with what attention_avx2.cc and
// attention_avx512.cc add). Scores are in units of log2 e, so that softmax is made of powers of two.

#include <algorithm>
#include <cstdint>

#include "engine/kernels/attention_tables.h"

namespace capstan::engine::kernels {

inline constexpr std::int64_t kBlockPages = kAttentionBlock / kKvBlockTokens;
inline constexpr float kMasked = -1e38F;  // So far below kNoScore that its power is 0.

// 2^v to 2e-7 of itself, for v up to 127; 0 for v below -126.5. The polynomial is the least-squares fit of
// 2^r on [-1/2, 1/2], reweighted until its largest relative error was least, with 2^0 = 1 exactly.
template <class S>
typename S::Vector vector_exp2(typename S::Vector v) {
    const auto n = S::round(v);
    const auto r = S::sub(v, n);
    auto p = S::all(0.0013264727F);
    p = S::fma(p, r, S::all(0.009671513F));
    p = S::fma(p, r, S::all(0.055507336F));
    p = S::fma(p, r, S::all(0.24022242F));
    p = S::fma(p, r, S::all(0.693147F));
    p = S::fma(p, r, S::all(1.0F));
    return S::scale_or_zero(p, n);
}

// tanh(v) = 1 - 2 / (e^2v + 1), to 1e-7 of 1.
template <class S>
typename S::Vector vector_tanh(typename S::Vector v) {
    const auto bounded = S::min(S::max(v, S::all(-20.0F)), S::all(20.0F));
    const auto power = vector_exp2<S>(S::mul(bounded, S::all(2 * kLog2E)));
    return S::sub(S::all(1.0F), S::div(S::all(2.0F), S::add(power, S::all(1.0F))));
}

// The pages of one block that a tile looks at: [first, last), of kBlockPages.
struct BlockPages {
    const std::byte* keys[kBlockPages];
    const std::byte* values[kBlockPages];
    std::int64_t first = 0;
    std::int64_t last = 0;
    KvHead head;
};

// Up to S::kQueries queries that are computed side by side, at one block.
struct BlockQueries {
    const float* query = nullptr;  // [count][head_dim], scaled.
    std::int64_t first = 0;        // Of the tile's queries.
    std::int64_t count = 0;
    std::int64_t block = 0;   // Its first position.
    float* scores = nullptr;  // [count][kAttentionBlock]
};

template <class S, KvType kType>
typename S::Vector load_keys(const KvHead& head, const std::byte* keys, std::int64_t d, std::int64_t lane) {
    const auto scales = [&] {
        const auto* from = reinterpret_cast<const float*>(keys + head.keys_bytes());
        return S::load(from + d / kKvGroup * kKvBlockTokens + lane);
    };
    if constexpr (kType == KvType::kI4) {
        return S::mul(S::nibbles(keys + d / 2 * kKvBlockTokens + lane, d % 2 * 4), scales());
    } else if constexpr (kType == KvType::kI8) {
        return S::mul(S::template elements<kType>(keys, d * kKvBlockTokens + lane), scales());
    } else {
        return S::template elements<kType>(keys, d * kKvBlockTokens + lane);
    }
}

template <class S, KvType kType>
typename S::Vector load_values(
    const KvHead& head, const std::byte* values, std::int64_t inside, std::int64_t d
) {
    const auto elements = S::template elements<kType>(values, inside * kv_padded(head.head_dim) + d);
    if constexpr (kType == KvType::kI8 || kType == KvType::kI4) {
        const auto* scales = reinterpret_cast<const float*>(values + head.values_bytes());
        return S::mul(elements, S::all(scales[inside * head.groups() + d / kKvGroup]));
    }
    return elements;
}

// scores[i][page · 16 …] = query i · keys, for kPages pages from `page` on.
template <class S, KvType kType, int kRows, int kPages>
void score_pages(const BlockPages& pages, std::int64_t page, const BlockQueries& queries) {
    constexpr int kPerPage = static_cast<int>(kKvBlockTokens / S::kWidth);
    constexpr int kVectors = kPages * kPerPage;
    const KvHead head = pages.head;
    typename S::Vector sums[kRows * kVectors];
#pragma clang loop unroll(full)
    for (auto& sum : sums) {
        sum = S::zero();
    }
    const std::byte* keys[kPages];
#pragma clang loop unroll(full)
    for (int i = 0; i < kPages; ++i) {
        keys[i] = pages.keys[page + i];
    }
    const float* query[kRows];
#pragma clang loop unroll(full)
    for (int row = 0; row < kRows; ++row) {
        query[row] = queries.query + row * head.head_dim;
    }
    for (std::int64_t d = 0; d < head.head_dim; ++d) {
        typename S::Vector key[kVectors];
#pragma clang loop unroll(full)
        for (int v = 0; v < kVectors; ++v) {
            key[v] = load_keys<S, kType>(head, keys[v / kPerPage], d, v % kPerPage * S::kWidth);
        }
#pragma clang loop unroll(full)
        for (int row = 0; row < kRows; ++row) {
            const auto element = S::all(query[row][d]);
#pragma clang loop unroll(full)
            for (int v = 0; v < kVectors; ++v) {
                sums[row * kVectors + v] = S::fma(element, key[v], sums[row * kVectors + v]);
            }
        }
    }
    float* scores = queries.scores + page * kKvBlockTokens;
#pragma clang loop unroll(full)
    for (int i = 0; i < kRows * kVectors; ++i) {
        S::store(scores + i / kVectors * kAttentionBlock + i % kVectors * S::kWidth, sums[i]);
    }
}

// The positions of a block whose values are summed, and where to: kVectors vectors from element `d` on.
struct ValuePart {
    std::int64_t begin = 0;  // Within the block.
    std::int64_t end = 0;
    std::int64_t d = 0;
    float* sums = nullptr;           // [count, kv_padded(head_dim)]
    const float* factors = nullptr;  // [count] What the sums are multiplied by first.
};

template <class S, KvType kType, int kRows, int kVectors>
void sum_values(const BlockPages& pages, const BlockQueries& queries, const ValuePart& part) {
    const KvHead head = pages.head;
    const std::int64_t stride = kv_padded(head.head_dim);
    float* to = part.sums + part.d;
    typename S::Vector sums[kRows * kVectors];
#pragma clang loop unroll(full)
    for (int i = 0; i < kRows * kVectors; ++i) {
        const auto factor = S::all(part.factors[i / kVectors]);
        sums[i] = S::mul(factor, S::load(to + i / kVectors * stride + i % kVectors * S::kWidth));
    }
    for (std::int64_t begin = part.begin; begin < part.end;) {
        const std::int64_t page = begin / kKvBlockTokens;
        const std::int64_t end = std::min(part.end, (page + 1) * kKvBlockTokens);
        const std::byte* values = pages.values[page];
        for (std::int64_t t = begin; t < end; ++t) {
            typename S::Vector value[kVectors];
#pragma clang loop unroll(full)
            for (int v = 0; v < kVectors; ++v) {
                value[v] =
                    load_values<S, kType>(head, values, t - page * kKvBlockTokens, part.d + v * S::kWidth);
            }
#pragma clang loop unroll(full)
            for (int row = 0; row < kRows; ++row) {
                const auto weight = S::all(queries.scores[row * kAttentionBlock + t]);
#pragma clang loop unroll(full)
                for (int v = 0; v < kVectors; ++v) {
                    sums[row * kVectors + v] = S::fma(weight, value[v], sums[row * kVectors + v]);
                }
            }
        }
        begin = end;
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < kRows * kVectors; ++i) {
        S::store(to + i / kVectors * stride + i % kVectors * S::kWidth, sums[i]);
    }
}

// The kernels of one storage type and one number of queries.
struct BlockKernels {
    void (*score_four)(const BlockPages&, std::int64_t page, const BlockQueries&);
    void (*score_two)(const BlockPages&, std::int64_t page, const BlockQueries&);
    void (*score_one)(const BlockPages&, std::int64_t page, const BlockQueries&);
    void (*values_four)(const BlockPages&, const BlockQueries&, const ValuePart&);
    void (*values_two)(const BlockPages&, const BlockQueries&, const ValuePart&);
    void (*values_one)(const BlockPages&, const BlockQueries&, const ValuePart&);
};

template <class S, KvType kType, int kRows>
constexpr BlockKernels block_kernels() {
    // Four vectors at most: so many sums fit the registers.
    constexpr int kMost = static_cast<int>(4 * S::kWidth / kKvBlockTokens);
    return {
        .score_four = kMost < 4 ? nullptr : score_pages<S, kType, kRows, (kMost < 4 ? 1 : 4)>,
        .score_two = score_pages<S, kType, kRows, 2>,
        .score_one = score_pages<S, kType, kRows, 1>,
        .values_four = sum_values<S, kType, kRows, 4>,
        .values_two = sum_values<S, kType, kRows, 2>,
        .values_one = sum_values<S, kType, kRows, 1>,
    };
}

// Indexed by the number of queries, from 1.
template <class S, KvType kType>
const BlockKernels& kernels_of_rows(std::int64_t rows) {
    constexpr int kMost = static_cast<int>(S::kQueries);
    static_assert(kMost <= 6);
    static constexpr BlockKernels kKernels[] = {
        block_kernels<S, kType, 1>(),
        block_kernels<S, kType, std::min(2, kMost)>(),
        block_kernels<S, kType, std::min(3, kMost)>(),
        block_kernels<S, kType, std::min(4, kMost)>(),
        block_kernels<S, kType, std::min(5, kMost)>(),
        block_kernels<S, kType, std::min(6, kMost)>(),
    };
    return kKernels[rows - 1];
}

template <class S>
const BlockKernels& kernels_of(KvType type, std::int64_t rows) {
    switch (type) {
        case KvType::kF32:
            break;
        case KvType::kF16:
            return kernels_of_rows<S, KvType::kF16>(rows);
        case KvType::kI8:
            return kernels_of_rows<S, KvType::kI8>(rows);
        case KvType::kI4:
            return kernels_of_rows<S, KvType::kI4>(rows);
    }
    return kernels_of_rows<S, KvType::kF32>(rows);
}

}  // namespace capstan::engine::kernels
