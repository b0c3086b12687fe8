#include "engine/model/projection.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

namespace capstan::engine {
namespace {

constexpr std::array kQkv = {Projection::kQuery, Projection::kKey, Projection::kValue};
constexpr std::array kGateUp = {Projection::kGate, Projection::kUp};

// Rows of `projection` in a matrix of all `parts`, one after the other.
ModulePart part_of(
    std::string module, std::span<const Projection> parts, Projection projection, const ModelConfig& config
) {
    ModulePart result = {.module = std::move(module)};
    for (const Projection part : parts) {
        if (part == projection) {
            result.row_begin = result.rows_total;
        }
        result.rows_total += shape_of(part, config).out;
    }
    return result;
}

}  // namespace

std::string layer_prefix(const ModelConfig& config, std::int64_t layer) {
    return fmt::format("{}{}{}.", config.names->base, config.names->layers, layer);
}

ModulePart module_of(Projection projection, const ModelConfig& config, std::int64_t layer) {
    const bool is_mlp = projection >= Projection::kGate;
    if (is_mlp && (config.plan(layer).has_experts || (projection == Projection::kGate && !config.is_gated))) {
        return {};
    }
    const std::string prefix = layer_prefix(config, layer);
    const TensorNames& names = *config.names;
    if (!names.fused_qkv.empty() && std::ranges::count(kQkv, projection) > 0) {
        return part_of(prefix + std::string(names.fused_qkv), kQkv, projection, config);
    }
    if (!names.fused_gate_up.empty() && std::ranges::count(kGateUp, projection) > 0) {
        return part_of(prefix + std::string(names.fused_gate_up), kGateUp, projection, config);
    }
    const auto module = names.projections[static_cast<std::size_t>(projection)];
    return {.module = prefix + std::string(module), .rows_total = shape_of(projection, config).out};
}

}  // namespace capstan::engine
