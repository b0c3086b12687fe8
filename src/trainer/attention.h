#pragma once

// Causal grouped-query attention with RoPE, forward and backward, on plain float arrays, in one thread.
//
// Works on blocks of queries and never looks behind the diagonal; keeps one number a query (log Σ exp)
// instead of the probabilities, and recomputes them for the gradient (Dao et al. 2022).

#include <cstdint>

#include "trainer/kernels.h"

namespace capstan::trainer {

struct AttentionShape {
    std::int64_t sequences = 0;
    std::int64_t tokens = 0;  // Of each sequence.
    std::int64_t heads = 0;
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;
};

struct AttentionInputs {
    const float* queries;  // [sequences · tokens, heads · head_dim], before RoPE
    const float* keys;     // [sequences · tokens, kv_heads · head_dim], before RoPE
    const float* values;   // as keys
};

struct AttentionGradients {
    float* queries;
    float* keys;
    float* values;
};

//   out      [sequences · tokens, heads · head_dim]
//   log_sum  [sequences, heads, tokens]
void attention(
    const AttentionInputs& inputs,
    const AttentionShape& shape,
    const kernels::Rotation& rotation,
    float* out,
    float* log_sum
);

struct AttentionResult {
    const float* out;
    const float* log_sum;
    const float* dout;
};

// Writes all of `gradients`.
void attention_backward(
    const AttentionInputs& inputs,
    const AttentionResult& result,
    const AttentionShape& shape,
    const kernels::Rotation& rotation,
    const AttentionGradients& gradients
);

}  // namespace capstan::trainer
