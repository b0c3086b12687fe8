#pragma once

// The angles by which RoPE turns the pairs of a head.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/kernels/kernels.h"
#include "engine/kernels/thread_team.h"
#include "engine/model/batch.h"
#include "engine/model/config.h"

namespace capstan::engine {

// [dimensions / 2] float32, in radians a position; computed in float32 as transformers does, so that angles
// at far positions agree.
std::vector<float> rope_frequencies(const RopeConfig& rope, std::int64_t head_dim);

// Turns queries and keys of a batch. Used by one thread at a time, but for `turn`.
class Rotary {
public:
    Rotary(const ModelConfig& config, const kernels::KernelTable& kernels);

    // Angles of these rows' positions; `turn` speaks of them.
    void prepare(std::span<const BatchRow> rows, ThreadTeam& team);

    // `x` is [heads, head_dim], of row `row`. Nothing for a model without rope.
    void turn(std::int64_t row, bool is_local, float* x, std::int64_t heads) const;

private:
    struct Angles {
        std::vector<float> frequencies;
        float factor = 1;
        std::vector<float> cosines;  // [rows, dimensions / 2]
        std::vector<float> sines;
    };

    static void fill(Angles& angles, std::span<const BatchRow> rows, ThreadTeam& team);

    const kernels::KernelTable& kernels_;
    std::int64_t head_dim_;
    Angles angles_;
    Angles local_;
};

}  // namespace capstan::engine
