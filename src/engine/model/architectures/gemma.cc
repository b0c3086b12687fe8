// Gemma 1, 2 and 3: embeddings scaled by √hidden, norms of weight 1 + w, GELU; norms behind attention and MLP
// (2, 3), soft caps (2), windows in every other layer (2) or in five of six with a theta of their own (3).

#include <cmath>

#include "engine/model/architectures/table.h"

namespace capstan::engine {
namespace {

void read_common(ConfigReader& reader, ModelConfig& config) {
    config.norm = NormKind::kRmsOffset;
    config.activation = Activation::kGeluTanh;
    config.tied_embeddings = true;
    config.head_dim = 256;
    read_shape(reader, config);
    config.embedding_scale = std::sqrt(static_cast<float>(config.hidden));
    set_qkv_bias(config, reader.flag("attention_bias"));
    config.biases.output = config.biases.query;
}

void read_gemma(ConfigReader& reader, ModelConfig& config) {
    config.vocabulary = 256'000;
    config.hidden = 3072;
    config.intermediate = 24'576;
    config.layers = 28;
    config.heads = 16;
    config.kv_heads = 16;
    config.positions_max = 8192;
    read_common(reader, config);
    // "hidden_act" of the first files says "gelu"; the models were trained with the tanh form all the same.
    read_activation(reader, "hidden_activation", config);
    read_rope(reader, config);
}

void read_caps(ConfigReader& reader, ModelConfig& config) {
    config.attention_scale = 1 / std::sqrt(reader.number("query_pre_attn_scalar", 256, 1e-3, 1e6));
    config.score_softcap = reader.number_or_none("attn_logit_softcapping", config.score_softcap, 1e-3, 1e6);
    config.logit_softcap = reader.number_or_none("final_logit_softcapping", config.logit_softcap, 1e-3, 1e6);
}

std::int64_t read_local_window(ConfigReader& reader) {
    return reader.integer_or_none("sliding_window", 4096, {.low = 1, .high = 1 << 24});
}

void read_gemma2(ConfigReader& reader, ModelConfig& config) {
    config.vocabulary = 256'000;
    config.hidden = 2304;
    config.intermediate = 9216;
    config.layers = 26;
    config.heads = 8;
    config.kv_heads = 4;
    config.positions_max = 8192;
    config.score_softcap = 50;
    config.logit_softcap = 30;
    read_common(reader, config);
    read_activation(reader, "hidden_activation", config);
    read_rope(reader, config);
    read_caps(reader, config);
    set_windows(reader, config, read_local_window(reader), [](std::int64_t layer) { return layer % 2 == 0; });
}

void read_gemma3(ConfigReader& reader, ModelConfig& config) {
    config.vocabulary = 262'208;
    config.hidden = 2304;
    config.intermediate = 9216;
    config.layers = 26;
    config.heads = 8;
    config.kv_heads = 4;
    config.positions_max = 131'072;
    config.rope.theta = 1e6;
    read_common(reader, config);
    read_activation(reader, "hidden_activation", config);
    config.local_rope = RopeConfig{.theta = reader.number("rope_local_base_freq", 10'000, 1, 1e12)};
    read_rope(reader, config);
    read_caps(reader, config);
    const std::int64_t pattern = reader.integer("sliding_window_pattern", 6, {.low = 1, .high = 1024});
    set_windows(reader, config, read_local_window(reader), [&](std::int64_t layer) {
        return (layer + 1) % pattern != 0;
    });
    for (LayerPlan& plan : config.plans) {
        plan.uses_local_rope = plan.window != 0;
    }
}

constexpr TensorNames kGemma2Names = {
    .attention_post_norm = "post_attention_layernorm",
    .mlp_norm = "pre_feedforward_layernorm",
    .mlp_post_norm = "post_feedforward_layernorm",
};

constexpr TensorNames kGemma3Names = {
    .attention_post_norm = "post_attention_layernorm",
    .mlp_norm = "pre_feedforward_layernorm",
    .mlp_post_norm = "post_feedforward_layernorm",
    .query_norm = "self_attn.q_norm",
    .key_norm = "self_attn.k_norm",
};

}  // namespace

const Architecture kGemma = {
    .name = "GemmaForCausalLM", .model_type = "gemma", .names = &kLlamaNames, .read = read_gemma
};

const Architecture kGemma2 = {
    .name = "Gemma2ForCausalLM", .model_type = "gemma2", .names = &kGemma2Names, .read = read_gemma2
};

const Architecture kGemma3 = {
    .name = "Gemma3ForCausalLM", .model_type = "gemma3_text", .names = &kGemma3Names, .read = read_gemma3
};

}  // namespace capstan::engine
