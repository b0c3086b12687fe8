#pragma once

// The frequencies by which RoPE turns the pairs of a head.

#include <vector>

#include "engine/model/config.h"

namespace capstan::engine {

// [head_dim / 2] float32, in radians a position; computed in float32 as transformers does, so that angles at
// far positions agree.
std::vector<float> rope_frequencies(const RopeConfig& rope, std::int64_t head_dim);

}  // namespace capstan::engine
