// The scalar attention kernels: the definition that the fast ones are tested against.

#include <algorithm>
#include <cmath>

#include "engine/kernels/attention_tables.h"

namespace capstan::engine::kernels {
namespace {

void store(const KvStore& work) {
    const std::int64_t size = work.kv.kv_heads * work.kv.head_dim;
    for (std::int64_t row = 0; row < work.rows; ++row) {
        store_kv(work.kv, work.position + row, work.keys + row * size, work.values + row * size);
    }
}

float score_of(const AttentionTile& tile, const float* query, std::int64_t position) {
    const std::byte* keys = tile.kv.keys(position / kKvBlockTokens, tile.kv_head);
    float score = 0;
    for (std::int64_t d = 0; d < tile.kv.head_dim; ++d) {
        score += query[d] * key_at(tile.kv.head(), keys, position % kKvBlockTokens, d);
    }
    score *= tile.scale;
    return tile.softcap > 0 ? tile.softcap * std::tanh(score / tile.softcap) : score;
}

void span(const AttentionTile& tile, std::int64_t span, const AttentionSums& sums, float*) {
    clear(sums, tile.queries(), tile.kv.head_dim);
    for (std::int64_t i = 0; i < tile.queries(); ++i) {
        const float* query =
            tile.query + i / tile.group * tile.query_stride + i % tile.group * tile.kv.head_dim;
        const std::int64_t begin = std::max(tile.begin(i), span * kAttentionSpan);
        const std::int64_t end = std::min(tile.end(i), (span + 1) * kAttentionSpan);
        float scores[kAttentionSpan];
        for (std::int64_t t = begin; t < end; ++t) {
            scores[t - begin] = score_of(tile, query, t) * kLog2E;
            sums.largest[i] = std::max(sums.largest[i], scores[t - begin]);
        }
        float* out = sums.values + i * kv_padded(tile.kv.head_dim);
        for (std::int64_t t = begin; t < end; ++t) {
            const std::byte* values = tile.kv.values(t / kKvBlockTokens, tile.kv_head);
            const float weight = std::exp2(scores[t - begin] - sums.largest[i]);
            sums.weights[i] += weight;
            for (std::int64_t d = 0; d < tile.kv.head_dim; ++d) {
                out[d] += weight * value_at(tile.kv.head(), values, t % kKvBlockTokens, d);
            }
        }
    }
}

void merge(const AttentionMerge& work) {
    const std::int64_t padded = kv_padded(work.head_dim);
    for (std::int64_t i = 0; i < work.queries; ++i) {
        const float largest = std::max(work.into.largest[i], work.from.largest[i]);
        const float ours = std::exp2(work.into.largest[i] - largest);
        const float theirs = std::exp2(work.from.largest[i] - largest);
        work.into.largest[i] = largest;
        work.into.weights[i] = ours * work.into.weights[i] + theirs * work.from.weights[i];
        for (std::int64_t d = i * padded; d < (i + 1) * padded; ++d) {
            work.into.values[d] = ours * work.into.values[d] + theirs * work.from.values[d];
        }
    }
}

}  // namespace

const AttentionKernels kScalarAttention = {.isa = Isa::kScalar, .store = store, .span = span, .merge = merge};

}  // namespace capstan::engine::kernels
