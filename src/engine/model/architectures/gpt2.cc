// GPT-2: learned positions, layer norms, a plain MLP with GELU, biases everywhere, matrices stored [in, out].

#include "engine/model/architectures/table.h"

namespace capstan::engine {
namespace {

void read(ConfigReader& reader, ModelConfig& config) {
    config.vocabulary = reader.integer("vocab_size", 50'257, {.low = 1, .high = 1 << 24});
    config.hidden = reader.integer("n_embd", 768, {.low = 1, .high = 1 << 17});
    config.intermediate = reader.integer("n_inner", 4 * config.hidden, {.low = 1, .high = 1 << 20});
    config.layers = reader.integer("n_layer", 12, {.low = 1, .high = 1024});
    config.heads = reader.integer("n_head", 12, {.low = 1, .high = 1024});
    config.kv_heads = config.heads;
    config.head_dim = config.hidden / config.heads;
    if (config.head_dim * config.heads != config.hidden) {
        reader.fail("n_head", "it must divide n_embd");
    }
    config.positions_max = reader.integer("n_positions", 1024, {.low = 1, .high = 1 << 24});
    config.norm_epsilon = reader.number("layer_norm_epsilon", 1e-5, 0, 1);
    config.tied_embeddings = reader.flag("tie_word_embeddings", true);
    config.norm = NormKind::kLayer;
    config.has_rope = false;
    config.is_gated = false;
    config.activation = Activation::kGeluTanh;
    read_activation(reader, "activation_function", config);
    if (!reader.flag("scale_attn_weights", true)) {
        config.attention_scale = 1;
    }
    if (reader.flag("scale_attn_by_inverse_layer_idx")) {
        reader.fail("scale_attn_by_inverse_layer_idx", "only false can be run");
    }
    set_qkv_bias(config, true);
    config.biases.output = true;
    config.biases.up = true;
    config.biases.down = true;
}

constexpr TensorNames kGpt2Names = {
    .base = "transformer.",
    .embedding = "wte",
    .positions = "wpe",
    .final_norm = "ln_f",
    .layers = "h.",
    .attention_norm = "ln_1",
    .mlp_norm = "ln_2",
    .projections = {"", "", "", "attn.c_proj", "", "mlp.c_fc", "mlp.c_proj"},
    .fused_qkv = "attn.c_attn",
    .is_transposed = true,
    .ignored_ends = {".attn.bias", ".attn.masked_bias", ""},
};

}  // namespace

const Architecture kGpt2 = {
    .name = "GPT2LMHeadModel", .model_type = "gpt2", .names = &kGpt2Names, .read = read
};

}  // namespace capstan::engine
