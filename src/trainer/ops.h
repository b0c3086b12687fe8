#pragma once

// Our kernels as differentiable operations on torch tensors (float32, contiguous, CPU).
//
// For .cc files only: this includes torch.

#include "trainer/attention.h"
#include "trainer/torch.h"

namespace capstan::trainer {

//   x       [rows, size]
//   weight  [size]
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

// silu(gate) · up, elementwise.
at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);

// x · weightᵀ.
//   x       [rows, in]
//   weight  [out, in]
at::Tensor apply_linear(const at::Tensor& x, const at::Tensor& weight);

// Rows of `weight` [vocabulary, size] by `tokens` [rows] int64, which must be below vocabulary.
at::Tensor embed(const at::Tensor& tokens, const at::Tensor& weight);

struct RotationTable {
    at::Tensor cosines;  // [positions, head_dim / 2]
    at::Tensor sines;
};

// Angles position / theta^(2i / head_dim), in float32 as Hugging Face computes them.
RotationTable rotation_table(std::int64_t positions, std::int64_t head_dim, double theta);

struct AttentionTensors {
    at::Tensor queries;  // [sequences · tokens, heads · head_dim], before RoPE
    at::Tensor keys;     // [sequences · tokens, kv_heads · head_dim], before RoPE
    at::Tensor values;
};

// Causal attention with RoPE. `table` must outlive the backward pass.
at::Tensor causal_attention(
    const AttentionTensors& inputs, const AttentionShape& shape, const RotationTable& table
);

// scale · Σ cross entropy of (hidden · weightᵀ) over the rows whose label is not kIgnoredLabel; a scalar.
// Computes the gradients on the way, in blocks of rows, so that all logits never exist at once.
//   labels  [rows] int64
at::Tensor output_loss(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& labels, double scale
);

}  // namespace capstan::trainer
