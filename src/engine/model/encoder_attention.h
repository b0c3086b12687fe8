#pragma once

// Attention within one text, all tokens to all tokens, without a cache.

#include <cstdint>

#include "engine/kernels/thread_team.h"

namespace capstan::engine {

// All arrays are [tokens, heads, head_dim].
struct TextAttention {
    std::int64_t tokens = 0;
    std::int64_t heads = 0;
    std::int64_t head_dim = 0;
    const float* query = nullptr;
    const float* key = nullptr;
    const float* value = nullptr;
    float* out = nullptr;
};

// out = softmax(query · keys / √head_dim) · values for each head and token.
void attend_within(const TextAttention& work, ThreadTeam& team);

}  // namespace capstan::engine
