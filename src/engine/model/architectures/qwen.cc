// Qwen 2 and 2.5 (biases on query, key and value; windows in upper layers), Qwen 3 (norms on query and key).

#include "engine/model/architectures/table.h"

namespace capstan::engine {
namespace {

constexpr Range kLayerRange = {.low = 0, .high = 1024};

void read_qwen(ConfigReader& reader, ModelConfig& config) {
    config.vocabulary = 151'936;
    config.positions_max = 32'768;
    read_shape(reader, config);
    read_activation(reader, "hidden_act", config);
    read_rope(reader, config);
    std::int64_t window = reader.integer_or_none("sliding_window", 4096, {.low = 1, .high = 1 << 24});
    if (!reader.flag("use_sliding_window")) {
        window = 0;
    }
    const std::int64_t whole_layers = reader.integer("max_window_layers", 28, kLayerRange);
    set_windows(reader, config, window, [&](std::int64_t layer) { return layer >= whole_layers; });
}

void read_qwen2(ConfigReader& reader, ModelConfig& config) {
    config.kv_heads = 32;
    config.intermediate = 22'016;
    read_qwen(reader, config);
    set_qkv_bias(config, true);
}

void read_qwen3(ConfigReader& reader, ModelConfig& config) {
    config.kv_heads = 32;
    config.intermediate = 22'016;
    config.head_dim = 128;
    read_qwen(reader, config);
    set_qkv_bias(config, reader.flag("attention_bias"));
    config.biases.output = config.biases.query;
}

// Which layers have experts, and how many.
void read_qwen_experts(ConfigReader& reader, ModelConfig& config, const ExpertKeys& keys) {
    read_experts(reader, config, keys);
    config.experts.intermediate =
        reader.integer("moe_intermediate_size", config.experts.intermediate, {.low = 1, .high = 1 << 20});
    config.experts.normalises = reader.flag("norm_topk_prob");
    const std::int64_t step = reader.integer("decoder_sparse_step", 1, {.low = 1, .high = 1024});
    for (std::size_t layer = 0; layer < config.plans.size(); ++layer) {
        config.plans[layer].has_experts = (static_cast<std::int64_t>(layer) + 1) % step == 0;
    }
    const Json& plain_layers = reader.at("mlp_only_layers");
    if (const Json::Array* items = plain_layers.as_array()) {
        for (const Json& item : *items) {
            const auto layer = item.as_int().value_or(-1);
            if (layer < 0 || layer >= config.layers) {
                reader.fail("mlp_only_layers", "it must be a list of layers");
                return;
            }
            config.plans[static_cast<std::size_t>(layer)].has_experts = false;
        }
    } else if (!plain_layers.is_null()) {
        reader.fail("mlp_only_layers", "it must be a list of layers");
    }
}

void read_qwen2_moe(ConfigReader& reader, ModelConfig& config) {
    config.hidden = 2048;
    config.intermediate = 5632;
    config.layers = 24;
    config.heads = 16;
    config.kv_heads = 16;
    read_qwen(reader, config);
    set_qkv_bias(config, reader.flag("qkv_bias", true));
    config.experts.intermediate = 1408;
    read_qwen_experts(reader, config, {.count = "num_experts", .count_otherwise = 60, .used_otherwise = 4});
    config.experts.shared_intermediate =
        reader.integer("shared_expert_intermediate_size", 5632, {.low = 1, .high = 1 << 20});
}

void read_qwen3_moe(ConfigReader& reader, ModelConfig& config) {
    config.hidden = 2048;
    config.intermediate = 6144;
    config.layers = 24;
    config.kv_heads = 4;
    read_qwen(reader, config);
    set_qkv_bias(config, reader.flag("attention_bias"));
    config.biases.output = config.biases.query;
    config.experts.intermediate = 768;
    read_qwen_experts(reader, config, {.count = "num_experts", .count_otherwise = 128, .used_otherwise = 8});
}

constexpr TensorNames kQwen3Names = {.query_norm = "self_attn.q_norm", .key_norm = "self_attn.k_norm"};

constexpr TensorNames kQwen2MoeNames = {
    .router = "mlp.gate",
    .experts = "mlp.experts.",
    .shared_expert = "mlp.shared_expert",
    .shared_gate = "mlp.shared_expert_gate",
};

constexpr TensorNames kQwen3MoeNames = {
    .query_norm = "self_attn.q_norm",
    .key_norm = "self_attn.k_norm",
    .router = "mlp.gate",
    .experts = "mlp.experts.",
};

}  // namespace

const Architecture kQwen2 = {
    .name = "Qwen2ForCausalLM", .model_type = "qwen2", .names = &kLlamaNames, .read = read_qwen2
};

const Architecture kQwen2Moe = {
    .name = "Qwen2MoeForCausalLM",
    .model_type = "qwen2_moe",
    .names = &kQwen2MoeNames,
    .read = read_qwen2_moe,
};

const Architecture kQwen3 = {
    .name = "Qwen3ForCausalLM", .model_type = "qwen3", .names = &kQwen3Names, .read = read_qwen3
};

const Architecture kQwen3Moe = {
    .name = "Qwen3MoeForCausalLM",
    .model_type = "qwen3_moe",
    .names = &kQwen3MoeNames,
    .read = read_qwen3_moe,
};

}  // namespace capstan::engine
