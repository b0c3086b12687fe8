// Mistral: Llama that looks back through a window. Mixtral: the same with experts.

#include "engine/model/architectures/table.h"

namespace capstan::engine {
namespace {

void read(ConfigReader& reader, ModelConfig& config) {
    config.kv_heads = 8;
    config.intermediate = 14'336;
    config.positions_max = 131'072;
    read_shape(reader, config);
    read_activation(reader, "hidden_act", config);
    read_rope(reader, config);
    read_window(reader, config, 4096);
}

void read_mixtral(ConfigReader& reader, ModelConfig& config) {
    config.kv_heads = 8;
    config.intermediate = 14'336;
    config.positions_max = 131'072;
    config.norm_epsilon = 1e-5;
    config.rope.theta = 1e6;
    read_shape(reader, config);
    read_activation(reader, "hidden_act", config);
    read_rope(reader, config);
    read_window(reader, config, 0);
    read_experts(reader, config, {.count = "num_local_experts", .count_otherwise = 8, .used_otherwise = 2});
    config.experts.intermediate = config.intermediate;
    for (LayerPlan& plan : config.plans) {
        plan.has_experts = true;
    }
}

constexpr TensorNames kMixtralNames = {
    .router = "block_sparse_moe.gate",
    .experts = "block_sparse_moe.experts.",
    .expert = {.gate = "w1", .up = "w3", .down = "w2"},
};

}  // namespace

const Architecture kMistral = {
    .name = "MistralForCausalLM", .model_type = "mistral", .names = &kLlamaNames, .read = read
};

const Architecture kMixtral = {
    .name = "MixtralForCausalLM", .model_type = "mixtral", .names = &kMixtralNames, .read = read_mixtral
};

}  // namespace capstan::engine
