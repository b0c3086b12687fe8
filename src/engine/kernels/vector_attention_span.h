#pragma once

// One span of positions for any vector type S: block by block, scores, softmax's terms, values
// (vector_attention.h has the products).

#include <algorithm>
#include <cstdint>

#include "engine/kernels/vector_attention.h"

namespace capstan::engine::kernels {

// The pieces of the scratch that attention_scratch() counts.
struct SpanScratch {
    float* query;    // [queries][head_dim], scaled.
    float* lanes;    // [queries][S::kWidth] Sums of weights, lane by lane.
    float* keys;     // [kBlockPages] pages in float32.
    float* values;   // [kBlockPages] pages in float32.
    float* scores;   // [S::kQueries][kAttentionBlock]
    float* factors;  // [S::kWidth]
};

template <class S>
SpanScratch span_scratch(float* memory, std::int64_t queries, std::int64_t head_dim) {
    SpanScratch scratch = {};
    scratch.query = memory;
    scratch.lanes = scratch.query + kv_padded(queries * head_dim);
    scratch.keys = scratch.lanes + queries * S::kWidth;
    scratch.values = scratch.keys + kAttentionBlock * head_dim;
    scratch.scores = scratch.values + kAttentionBlock * kv_padded(head_dim);
    scratch.factors = scratch.scores + S::kQueries * kAttentionBlock;
    return scratch;
}

template <class S>
void pack_queries(const AttentionTile& tile, float* to) {
    const std::int64_t head_dim = tile.kv.head_dim;
    const auto scale = S::all(tile.scale * (tile.softcap > 0 ? 1 / tile.softcap : kLog2E));
    for (std::int64_t row = 0; row < tile.rows; ++row) {
        const float* from = tile.query + row * tile.query_stride;
        std::int64_t i = 0;
        for (; i + S::kWidth <= tile.group * head_dim; i += S::kWidth) {
            S::store(to + i, S::mul(S::load(from + i), scale));
        }
        if (const std::int64_t rest = tile.group * head_dim - i; rest > 0) {
            S::store_part(to + i, S::mul(S::load_part(from + i, rest), scale), rest);
        }
        to += tile.group * head_dim;
    }
}

// The pages of the block at position `block` that hold positions of [begin, end).
template <class S>
BlockPages pages_of(const AttentionTile& tile, std::int64_t block, std::int64_t begin, std::int64_t end) {
    BlockPages pages = {.keys = {}, .values = {}, .head = tile.kv.head()};
    pages.first = (std::max(begin, block) - block) / kKvBlockTokens;
    pages.last = (std::min(end, block + kAttentionBlock) - block + kKvBlockTokens - 1) / kKvBlockTokens;
    for (std::int64_t page = pages.first; page < pages.last; ++page) {
        pages.keys[page] = tile.kv.keys(block / kKvBlockTokens + page, tile.kv_head);
        pages.values[page] = pages.keys[page] + pages.head.values_offset();
    }
    return pages;
}

template <class S, KvType kType>
void unpack_pages(BlockPages& pages, const SpanScratch& scratch) {
    const KvHead head = pages.head;
    const std::int64_t padded = kv_padded(head.head_dim);
    for (std::int64_t page = pages.first; page < pages.last; ++page) {
        float* keys = scratch.keys + page * kKvBlockTokens * head.head_dim;
        float* values = scratch.values + page * kKvBlockTokens * padded;
        for (std::int64_t d = 0; d < head.head_dim; ++d) {
            for (std::int64_t lane = 0; lane < kKvBlockTokens; lane += S::kWidth) {
                S::store(
                    keys + d * kKvBlockTokens + lane, load_keys<S, kType>(head, pages.keys[page], d, lane)
                );
            }
        }
        for (std::int64_t t = 0; t < kKvBlockTokens; ++t) {
            for (std::int64_t d = 0; d < padded; d += S::kWidth) {
                S::store(values + t * padded + d, load_values<S, kType>(head, pages.values[page], t, d));
            }
        }
        pages.keys[page] = reinterpret_cast<const std::byte*>(keys);
        pages.values[page] = reinterpret_cast<const std::byte*>(values);
    }
    pages.head.type = KvType::kF32;
}

// Makes elements of float32 of pages of any type: worth it when several groups of queries read them.
template <class S>
void unpack(BlockPages& pages, const SpanScratch& scratch) {
    switch (pages.head.type) {
        case KvType::kF32:
            return;
        case KvType::kF16:
            return unpack_pages<S, KvType::kF16>(pages, scratch);
        case KvType::kI8:
            return unpack_pages<S, KvType::kI8>(pages, scratch);
        case KvType::kI4:
            return unpack_pages<S, KvType::kI4>(pages, scratch);
    }
}

// The part of a block's scores that queries look at: whole pages, [begin, end) within the block.
struct ScorePart {
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

template <class S>
void cap_scores(const AttentionTile& tile, float* scores, ScorePart part) {
    const auto cap = S::all(tile.softcap * kLog2E);
    for (std::int64_t t = part.begin; t < part.end; t += S::kWidth) {
        S::store(scores + t, S::mul(cap, vector_tanh<S>(S::load(scores + t))));
    }
}

// Caps scores and masks what a query does not see.
template <class S>
void mask_scores(const AttentionTile& tile, const BlockQueries& queries, ScorePart part) {
    const std::int64_t last = queries.first + queries.count - 1;
    const bool all_seen =
        tile.begin(last) <= queries.block + part.begin && tile.end(queries.first) >= queries.block + part.end;
    for (std::int64_t i = 0; i < queries.count; ++i) {
        float* scores = queries.scores + i * kAttentionBlock;
        if (tile.softcap > 0) {
            cap_scores<S>(tile, scores, part);
        }
        if (all_seen) {
            continue;
        }
        const std::int64_t query = queries.first + i;
        const std::int64_t begin = std::clamp(tile.begin(query) - queries.block, part.begin, part.end);
        const std::int64_t end = std::clamp(tile.end(query) - queries.block, begin, part.end);
        std::fill(scores + part.begin, scores + begin, kMasked);
        std::fill(scores + end, scores + part.end, kMasked);
    }
}

// Makes weights of scores, and carries the running terms on. Writes the factors of what was summed before.
// kWhole: `part` is the whole block, which the compiler then unrolls; the arithmetic is the same.
template <class S, bool kWhole>
void soften(
    const BlockQueries& queries, ScorePart part, const AttentionSums& sums, const SpanScratch& scratch
) {
    const std::int64_t first = kWhole ? 0 : part.begin;
    const std::int64_t last = kWhole ? kAttentionBlock : part.end;
    float largest[S::kWidth] = {};
    for (std::int64_t i = 0; i < queries.count; ++i) {
        const float* scores = queries.scores + i * kAttentionBlock;
        auto lanes = S::load(scores + first);
        for (std::int64_t t = first + S::kWidth; t < last; t += S::kWidth) {
            lanes = S::max(lanes, S::load(scores + t));
        }
        largest[i] = S::largest(lanes);
    }
    const auto before = S::load_part(sums.largest + queries.first, queries.count);
    const auto now = S::max(before, S::load(largest));
    S::store_part(sums.largest + queries.first, now, queries.count);
    S::store(largest, now);
    S::store(scratch.factors, vector_exp2<S>(S::sub(before, now)));
    for (std::int64_t i = 0; i < queries.count; ++i) {
        float* scores = queries.scores + i * kAttentionBlock;
        float* lanes = scratch.lanes + (queries.first + i) * S::kWidth;
        const auto shift = S::all(largest[i]);
        auto sum = S::mul(S::load(lanes), S::all(scratch.factors[i]));
        for (std::int64_t t = first; t < last; t += S::kWidth) {
            const auto weight = vector_exp2<S>(S::sub(S::load(scores + t), shift));
            S::store(scores + t, weight);
            sum = S::add(sum, weight);
        }
        S::store(lanes, sum);
    }
}

template <class S>
void score_block(const BlockKernels& kernels, const BlockPages& pages, const BlockQueries& queries) {
    std::int64_t page = pages.first;
    for (; kernels.score_four != nullptr && page + 4 <= pages.last; page += 4) {
        kernels.score_four(pages, page, queries);
    }
    for (; page + 2 <= pages.last; page += 2) {
        kernels.score_two(pages, page, queries);
    }
    for (; page < pages.last; ++page) {
        kernels.score_one(pages, page, queries);
    }
}

template <class S>
void sum_block(
    const BlockKernels& kernels, const BlockPages& pages, const BlockQueries& queries, ValuePart part
) {
    const std::int64_t padded = kv_padded(pages.head.head_dim);
    for (; part.d + 4 * S::kWidth <= padded; part.d += 4 * S::kWidth) {
        kernels.values_four(pages, queries, part);
    }
    for (; part.d + 2 * S::kWidth <= padded; part.d += 2 * S::kWidth) {
        kernels.values_two(pages, queries, part);
    }
    for (; part.d < padded; part.d += S::kWidth) {
        kernels.values_one(pages, queries, part);
    }
}

// All queries of a tile at one block. A query that sees none of it is left as it is, which is also what the
// arithmetic would come to.
template <class S>
void attend_block(
    const AttentionTile& tile, std::int64_t block, const AttentionSums& sums, const SpanScratch& scratch
) {
    const std::int64_t queries = tile.queries();
    const std::int64_t head_dim = tile.kv.head_dim;
    BlockPages pages = pages_of<S>(tile, block, tile.begin(0), tile.end(queries - 1));
    if (queries > S::kQueries) {
        unpack<S>(pages, scratch);
    }
    for (std::int64_t first = 0; first < queries; first += S::kQueries) {
        const std::int64_t count = std::min(S::kQueries, queries - first);
        const std::int64_t begin = std::max(tile.begin(first), block) - block;
        const std::int64_t end = std::min(tile.end(first + count - 1), block + kAttentionBlock) - block;
        if (begin >= end) {
            continue;
        }
        const BlockQueries group = {
            .query = scratch.query + first * head_dim,
            .first = first,
            .count = count,
            .block = block,
            .scores = scratch.scores
        };
        pages.first = begin / kKvBlockTokens;
        pages.last = (end + kKvBlockTokens - 1) / kKvBlockTokens;
        const BlockKernels& kernels = kernels_of<S>(pages.head.type, count);
        score_block<S>(kernels, pages, group);
        const ScorePart scored = {.begin = pages.first * kKvBlockTokens, .end = pages.last * kKvBlockTokens};
        mask_scores<S>(tile, group, scored);
        if (scored.end - scored.begin == kAttentionBlock) {
            soften<S, true>(group, scored, sums, scratch);
        } else {
            soften<S, false>(group, scored, sums, scratch);
        }
        const ValuePart part = {
            .begin = begin,
            .end = end,
            .d = 0,
            .sums = sums.values + first * kv_padded(head_dim),
            .factors = scratch.factors
        };
        sum_block<S>(kernels, pages, group, part);
    }
}

template <class S>
void vector_attention_span(
    const AttentionTile& tile, std::int64_t span, const AttentionSums& sums, float* memory
) {
    const std::int64_t queries = tile.queries();
    const SpanScratch scratch = span_scratch<S>(memory, queries, tile.kv.head_dim);
    clear(sums, queries, tile.kv.head_dim);
    std::fill_n(scratch.lanes, queries * S::kWidth, 0.0F);
    pack_queries<S>(tile, scratch.query);
    const std::int64_t begin = std::max(span * kAttentionSpan, tile.begin(0));
    const std::int64_t end = std::min((span + 1) * kAttentionSpan, tile.end(queries - 1));
    for (std::int64_t block = begin / kAttentionBlock * kAttentionBlock; block < end;
         block += kAttentionBlock) {
        attend_block<S>(tile, block, sums, scratch);
    }
    for (std::int64_t i = 0; i < queries; ++i) {
        sums.weights[i] = S::sum(S::load(scratch.lanes + i * S::kWidth));
    }
}

template <class S>
void vector_attention_merge(const AttentionMerge& work) {
    const std::int64_t padded = kv_padded(work.head_dim);
    for (std::int64_t i = 0; i < work.queries; ++i) {
        const float largest = std::max(work.into.largest[i], work.from.largest[i]);
        const auto ours = vector_exp2<S>(S::all(work.into.largest[i] - largest));
        const auto theirs = vector_exp2<S>(S::all(work.from.largest[i] - largest));
        float* into = work.into.values + i * padded;
        const float* from = work.from.values + i * padded;
        for (std::int64_t d = 0; d < padded; d += S::kWidth) {
            S::store(into + d, S::fma(theirs, S::load(from + d), S::mul(ours, S::load(into + d))));
        }
        float factors[2 * S::kWidth];
        S::store(factors, ours);
        S::store(factors + S::kWidth, theirs);
        work.into.weights[i] = factors[0] * work.into.weights[i] + factors[S::kWidth] * work.from.weights[i];
        work.into.largest[i] = largest;
    }
}

}  // namespace capstan::engine::kernels
