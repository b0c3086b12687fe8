#pragma once

// The half of a layer in which each row is by itself: one MLP for all rows.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/model/elementwise.h"
#include "engine/model/projector.h"

namespace capstan::engine {

// Used by one thread at a time.
class MlpBlock {
public:
    // All outlive this.
    struct Parts {
        const ModelConfig& config;
        const Weights& weights;
        const RowMath& math;
        Projector& projector;
        ThreadTeam& team;
    };

    explicit MlpBlock(const Parts& parts) : parts_(parts) {}

    // out = down · (act(gate · x) · (up · x)), [rows, hidden], without the bias of down.
    void run(std::span<const BatchRow> rows, std::int64_t layer, const float* x, float* out);

private:
    Parts parts_;
    std::vector<float> gate_;  // [rows, intermediate]
    std::vector<float> up_;
};

}  // namespace capstan::engine
