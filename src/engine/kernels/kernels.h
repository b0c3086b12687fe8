#pragma once

// The arithmetic of a transformer as plain functions, each in a scalar version that is easy to check and in
// versions for AVX2, AVX-512 and NEON, chosen when the program runs.
//
// Every result is computed in an order that depends on its own inputs' sizes only: a row of a matrix product
// comes out the same bits whatever rows are computed with it, on however many threads. So a sequence's tokens
// do not depend on what else is in the batch. The versions differ from each other by rounding.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/files/data_type.h"

namespace capstan::engine::kernels {

enum class Isa { kScalar, kAvx2, kAvx512, kNeon };

// Row-major [rows, columns] of a weight type, of any alignment; in someone else's memory.
struct WeightMatrix {
    const std::byte* data = nullptr;
    DataType type = DataType::kF32;
    std::int64_t rows = 0;
    std::int64_t columns = 0;

    bool empty() const { return data == nullptr; }
};

// y[t, r] = sum over c of x[t, c] · weights[r, c], for r in [row_begin, row_end).
struct MatmulWork {
    WeightMatrix weights;
    const float* x = nullptr;  // [tokens, weights.columns]
    std::int64_t tokens = 0;
    float* y = nullptr;  // [tokens, weights.rows]
    std::int64_t row_begin = 0;
    std::int64_t row_end = 0;
};

// out = x / sqrt(mean(x²) + epsilon) · weight (Zhang and Sennrich 2019), over one row.
struct RmsNormWork {
    const float* x = nullptr;
    const float* weight = nullptr;
    float* out = nullptr;  // May be x.
    std::int64_t count = 0;
    float epsilon = 0;
};

// Rotates each head of one row in place (RoPE; Su et al. 2021, eq. 34). The pairing is (i, i + head_dim/2),
// as in Hugging Face; Meta's files pair (2i, 2i + 1).
struct RopeWork {
    float* x = nullptr;  // [heads, head_dim]
    std::int64_t heads = 0;
    std::int64_t head_dim = 0;
    const float* cosines = nullptr;  // [head_dim / 2], of this row's position
    const float* sines = nullptr;
};

enum class ActivationKind { kSilu, kGelu, kGeluTanh };

// out = act(gate) · up, or act(up) without a gate, element by element; `out` may be either.
struct ActivationWork {
    ActivationKind kind = ActivationKind::kSilu;
    const float* gate = nullptr;  // Null for none.
    const float* up = nullptr;
    float* out = nullptr;
    std::int64_t count = 0;
};

// x = cap · tanh(x / cap), element by element.
struct SoftCapWork {
    float* x = nullptr;
    float cap = 1;
    std::int64_t count = 0;
};

// out = (x - mean) / sqrt(variance + epsilon) · weight + bias (Ba et al. 2016), over one row.
struct LayerNormWork {
    const float* x = nullptr;
    const float* weight = nullptr;
    const float* bias = nullptr;
    float* out = nullptr;  // May be x.
    std::int64_t count = 0;
    float epsilon = 0;
};

// y += scale · x, element by element.
struct AddWork {
    float* y = nullptr;
    const float* x = nullptr;
    float scale = 1;
    std::int64_t count = 0;
};

struct KernelTable {
    Isa isa;
    void (*matmul)(const MatmulWork&);
    void (*rms_norm)(const RmsNormWork&);
    void (*rope)(const RopeWork&);
    void (*add)(const AddWork&);
    void (*layer_norm)(const LayerNormWork&);
    void (*activate)(const ActivationWork&);
    void (*soft_cap)(const SoftCapWork&);
};

// What this processor can run, the best last.
std::vector<Isa> supported_isas();
// `isa` must be supported.
const KernelTable& kernels_for(Isa isa);
const KernelTable& best_kernels();

}  // namespace capstan::engine::kernels
