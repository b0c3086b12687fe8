#pragma once

// What a layer does to one row between products: norms, activations, biases, soft caps.

#include <cstdint>

#include "engine/kernels/kernels.h"
#include "engine/model/config.h"
#include "engine/model/weights.h"

namespace capstan::engine {

class RowMath {
public:
    // `config` outlives this.
    RowMath(const ModelConfig& config, const kernels::KernelTable& kernels)
        : config_(config), kernels_(kernels) {}

    // `out` may be `x`; an empty norm copies.
    void normalise(const Norm& norm, const float* x, float* out, std::int64_t count) const;

    // out = act(gate) · up, or act(up) when `gate` is null; `out` may be either.
    void activate(const float* gate, const float* up, float* out, std::int64_t count) const;

    // y += scale · x.
    void add(float* y, const float* x, float scale, std::int64_t count) const;

    // x = cap · tanh(x / cap).
    void soft_cap(float* x, float cap, std::int64_t count) const;

    // Nothing for an empty bias.
    void add_bias(float* y, const Linear& linear) const;

private:
    const ModelConfig& config_;
    const kernels::KernelTable& kernels_;
};

}  // namespace capstan::engine
