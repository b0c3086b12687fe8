#pragma once

// The half of a layer in which rows look at other positions, from normalised rows to what is added to them.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/model/attention.h"
#include "engine/model/elementwise.h"
#include "engine/model/projector.h"
#include "engine/model/rope.h"

namespace capstan::engine {

// Used by one thread at a time.
class AttentionBlock {
public:
    // All outlive this.
    struct Parts {
        const ModelConfig& config;
        const Weights& weights;
        const kernels::KernelTable& kernels;
        const RowMath& math;
        Projector& projector;
        ThreadTeam& team;
    };

    explicit AttentionBlock(const Parts& parts);

    // Once for a batch, before its layers.
    void prepare(std::span<const BatchRow> rows);

    // Queries stay here; keys and values go into the cache. `x` is [rows, hidden].
    void project(std::span<const BatchRow> rows, std::int64_t layer, const float* x);

    // The query of row `from` becomes that of row `to`.
    void move_query(std::int64_t from, std::int64_t to);

    // out = attention of the queries through the output matrix, [rows, hidden], without its bias.
    void attend(std::span<const BatchRow> rows, std::int64_t layer, float* out);

private:
    void finish_row(const BatchRow& row, std::int64_t index, std::int64_t layer);
    void normalise_heads(const Norm& norm, float* x, std::int64_t heads) const;

    Parts parts_;
    Rotary rotary_;
    Attention attention_;
    std::vector<float> query_;  // [rows, heads, head_dim]
    std::vector<float> key_;    // [rows, kv_heads, head_dim]
    std::vector<float> value_;
    std::vector<float> attended_;
};

}  // namespace capstan::engine
