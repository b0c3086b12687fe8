#include "engine/model/weight_filler.h"

#include <fmt/format.h>

namespace capstan::engine {
namespace {

void fill_experts(
    WeightFiller& filler, const ModelConfig& config, const std::string& prefix, ExpertWeights& out
) {
    const TensorNames& names = *config.names;
    const ExpertConfig& experts = config.experts;
    const auto single = [&](std::string_view module, std::int64_t rows, Linear& linear) {
        filler.linear(
            {.module = prefix + std::string(module), .rows_total = rows, .keeps_precision = true},
            {.out = rows, .in = config.hidden},
            linear
        );
    };
    single(names.router, experts.count, out.router);
    out.experts.resize(static_cast<std::size_t>(experts.count));
    for (std::size_t i = 0; i < out.experts.size() && !filler.error(); ++i) {
        filler.mlp(fmt::format("{}{}{}.", prefix, names.experts, i), experts.intermediate, out.experts[i]);
    }
    if (experts.shared_intermediate > 0) {
        filler.mlp(
            fmt::format("{}{}.", prefix, names.shared_expert), experts.shared_intermediate, out.shared
        );
        single(names.shared_gate, 1, out.shared_gate);
    }
}

}  // namespace

void fill_layer(WeightFiller& filler, const ModelConfig& config, std::int64_t index, LayerWeights& out) {
    const TensorNames& names = *config.names;
    const std::string prefix = layer_prefix(config, index);
    filler.norm(prefix, names.attention_norm, config.hidden, out.attention_norm);
    filler.norm(prefix, names.attention_post_norm, config.hidden, out.attention_post_norm);
    filler.norm(prefix, names.mlp_norm, config.hidden, out.mlp_norm);
    filler.norm(prefix, names.mlp_post_norm, config.hidden, out.mlp_post_norm);
    filler.norm(prefix, names.query_norm, config.head_dim, out.query_norm);
    filler.norm(prefix, names.key_norm, config.head_dim, out.key_norm);
    for (const Projection projection : kProjections) {
        filler.linear(
            module_of(projection, config, index),
            shape_of(projection, config),
            out.linears[static_cast<std::size_t>(projection)]
        );
    }
    if (config.plan(index).has_experts) {
        fill_experts(filler, config, prefix, out.experts);
    }
}

}  // namespace capstan::engine
