#include "engine/model/mlp_block.h"

#include <array>

#include "engine/model/row_loop.h"

namespace capstan::engine {

void MlpBlock::run(std::span<const BatchRow> rows, std::int64_t layer, const float* x, float* out) {
    const auto count = static_cast<std::int64_t>(rows.size());
    const ModelConfig& config = parts_.config;
    const LayerWeights& weights = parts_.weights.layers[static_cast<std::size_t>(layer)];
    const std::int64_t size = config.intermediate;
    grow(gate_, config.is_gated ? count * size : 0);
    grow(up_, count * size);
    const std::array<Product, 2> products = {{
        {.projection = Projection::kUp, .out = up_.data()},
        {.projection = Projection::kGate, .out = gate_.data()},
    }};
    parts_.projector.project(rows, layer, x, std::span(products).first(config.is_gated ? 2 : 1));
    for_rows(parts_.team, count, 4 * size, [&](std::int64_t i) {
        float* up = up_.data() + i * size;
        float* gate = config.is_gated ? gate_.data() + i * size : nullptr;
        parts_.math.add_bias(up, weights[Projection::kUp]);
        if (gate != nullptr) {
            parts_.math.add_bias(gate, weights[Projection::kGate]);
        }
        parts_.math.activate(gate, up, up, size);
    });
    const std::array<Product, 1> down = {{{.projection = Projection::kDown, .out = out}}};
    parts_.projector.project(rows, layer, up_.data(), down);
}

}  // namespace capstan::engine
