#pragma once

// The arithmetic of a Llama that is not matrix products, on plain float arrays, in one thread: forward, and
// the gradients by hand. Each is compiled for AVX-512, AVX2 and the baseline, and the loader picks.
//
// Why not ATen's operators: a block of them makes a dozen passes over memory where one does, and that was
// over half of a training step. ops_test.cc holds these against ATen's.

#include <cstdint>

namespace capstan::trainer::kernels {

struct Rows {
    std::int64_t count = 0;
    std::int64_t size = 0;
};

// y = weight · x / sqrt(mean(x²) + eps), row by row (Zhang and Sennrich 2019). Keeps 1/sqrt(…) in `inverse`.
void rms_norm(const float* x, const float* weight, Rows rows, float eps, float* y, float* inverse);

struct RmsNormBackward {
    const float* dy;
    const float* x;
    const float* weight;
    const float* inverse;
    float* dx;
    float* dweight;  // Added to; null when the weight is frozen.
};

void rms_norm_backward(const RmsNormBackward& arrays, Rows rows);

// out = silu(gate) · up (Shazeer 2020), and its gradients.
void swiglu(const float* gate, const float* up, std::int64_t count, float* out);

struct SwigluBackward {
    const float* dout;
    const float* gate;
    const float* up;
    float* dgate;
    float* dup;
};

void swiglu_backward(const SwigluBackward& arrays, std::int64_t count);

// A table of RoPE's angles (Su et al. 2021): [positions, half] cosines and sines.
struct Rotation {
    const float* cosines;
    const float* sines;
    std::int64_t half = 0;  // Of the head's dimension.
};

// Where a head lies in rows that hold several: row i starts at data + i · stride.
struct HeadRows {
    const float* data;
    std::int64_t stride;
    std::int64_t count;
};

struct HeadTarget {
    float* data;
    std::int64_t stride;
};

// to[i] = scale · from[i] turned by position i; pairs (i, i + half) as in Hugging Face. A `direction` of -1
// turns back, which is the gradient. `to` is other memory than `from`.
void rotate_head(HeadRows from, HeadTarget to, const Rotation& rotation, float scale, float direction);

// Softmax of row i over its first `first_row` + i + 1 columns; zeros behind them. `log_sum` gets log Σ exp.
void causal_softmax(float* scores, Rows rows, std::int64_t first_row, float* log_sum);

// What the backward pass needs: scores to probabilities by the kept `log_sum`; zeros behind the diagonal.
void causal_probabilities(float* scores, Rows rows, std::int64_t first_row, const float* log_sum);

// dscores[i, j] = probabilities[i, j] · (dscores[i, j] − delta[i]), in place.
void softmax_backward(float* dscores, const float* probabilities, Rows rows, const float* delta);

// The dot product of each pair of rows.
void row_dots(HeadRows a, HeadRows b, std::int64_t size, float* dots);

// Cross entropy of `logits` against labels (all valid); returns the sum over rows. With scale ≠ 0, logits
// become its gradient times `scale`.
double cross_entropy(float* logits, const std::int64_t* labels, Rows rows, float scale);

struct AdamwStep {
    float learning_rate = 0;
    float weight_decay = 0;
    float beta1 = 0;
    float beta2 = 0;
    float eps = 0;
    float gradient_scale = 1;    // From clipping.
    float correction1 = 1;       // 1 − beta1^t
    float correction2_root = 1;  // sqrt(1 − beta2^t)
};

struct AdamwArrays {
    float* values;
    const float* gradient;
    float* mean;
    float* square_mean;
};

// AdamW with decoupled decay (Loshchilov and Hutter 2019), in PyTorch's order of operations.
void adamw(const AdamwArrays& arrays, std::int64_t count, const AdamwStep& step);

double sum_of_squares(const float* x, std::int64_t count);
void add(float* to, const float* from, std::int64_t count);

}  // namespace capstan::trainer::kernels
