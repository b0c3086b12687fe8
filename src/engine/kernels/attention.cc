#include "engine/kernels/attention.h"

#include <algorithm>

#include "base/check.h"
#include "engine/kernels/attention_tables.h"

namespace capstan::engine::kernels {

void clear(const AttentionSums& sums, std::int64_t queries, std::int64_t head_dim) {
    std::fill_n(sums.largest, queries, kNoScore);
    std::fill_n(sums.weights, queries, 0.0F);
    std::fill_n(sums.values, queries * kv_padded(head_dim), 0.0F);
}

void finish(const AttentionTile& tile, const AttentionSums& sums, float* out) {
    const std::int64_t head_dim = tile.kv.head_dim;
    for (std::int64_t i = 0; i < tile.queries(); ++i) {
        const float inverse = 1 / sums.weights[i];
        const float* values = sums.values + i * kv_padded(head_dim);
        float* to = out + i / tile.group * tile.query_stride + i % tile.group * head_dim;
        for (std::int64_t d = 0; d < head_dim; ++d) {
            to[d] = values[d] * inverse;
        }
    }
}

std::int64_t attention_scratch(std::int64_t queries, std::int64_t head_dim) {
    constexpr std::int64_t kVector = 16;
    return kv_padded(queries * head_dim) + queries * kVector +
           kAttentionBlock * (head_dim + kv_padded(head_dim)) + 8 * kAttentionBlock + kVector;
}

const AttentionKernels& attention_kernels_for(Isa isa) {
    switch (kernels_for(isa).isa) {
#if defined(__x86_64__)
        case Isa::kAvx2:
            return kAvx2Attention;
        case Isa::kAvx512:
            return kAvx512Attention;
#elif defined(__aarch64__)
        case Isa::kNeon:
            return kNeonAttention;
#endif
        default:
            return kScalarAttention;
    }
}

}  // namespace capstan::engine::kernels
