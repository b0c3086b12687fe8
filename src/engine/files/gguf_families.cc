#include "engine/files/gguf_families.h"

namespace capstan::engine {
namespace {

constexpr GgufModuleNames kDecoderEnds[] = {
    {"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}
};

constexpr GgufModuleNames kLlama[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj", GgufChange::kQueryRows},
    {"attn_k", "self_attn.k_proj", GgufChange::kKeyRows},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {"ffn_gate_inp", "block_sparse_moe.gate"},
};

constexpr GgufModuleNames kQwen[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {"ffn_gate_inp", "mlp.gate"},
    {"ffn_gate_shexp", "mlp.shared_expert.gate_proj"},
    {"ffn_up_shexp", "mlp.shared_expert.up_proj"},
    {"ffn_down_shexp", "mlp.shared_expert.down_proj"},
    {"ffn_gate_inp_shexp", "mlp.shared_expert_gate"},
};

constexpr GgufModuleNames kGemma[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
};

constexpr GgufModuleNames kGemma2[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"post_attention_norm", "post_attention_layernorm"},
    {"ffn_norm", "pre_feedforward_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {"post_ffw_norm", "post_feedforward_layernorm"},
};

constexpr GgufModuleNames kPhi3[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_qkv", "self_attn.qkv_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_up", "mlp.gate_up_proj"},
    {"ffn_down", "mlp.down_proj"},
};

constexpr GgufModuleNames kGpt2[] = {
    {"attn_norm", "ln_1"},
    {"attn_qkv", "attn.c_attn", GgufChange::kTransposed},
    {"attn_output", "attn.c_proj", GgufChange::kTransposed},
    {"ffn_norm", "ln_2"},
    {"ffn_up", "mlp.c_fc", GgufChange::kTransposed},
    {"ffn_down", "mlp.c_proj", GgufChange::kTransposed},
};

constexpr GgufModuleNames kGpt2Ends[] = {
    {"token_embd", "transformer.wte"},
    {"position_embd", "transformer.wpe"},
    {"output_norm", "transformer.ln_f"},
    {"output", "lm_head"},
};

constexpr GgufModuleNames kBert[] = {
    {"attn_q", "attention.self.query"},
    {"attn_k", "attention.self.key"},
    {"attn_v", "attention.self.value"},
    {"attn_output", "attention.output.dense"},
    {"attn_output_norm", "attention.output.LayerNorm"},
    {"ffn_up", "intermediate.dense"},
    {"ffn_down", "output.dense"},
    {"layer_output_norm", "output.LayerNorm"},
};

constexpr GgufModuleNames kBertEnds[] = {
    {"token_embd", "embeddings.word_embeddings"},
    {"position_embd", "embeddings.position_embeddings"},
    {"token_types", "embeddings.token_type_embeddings"},
    {"token_embd_norm", "embeddings.LayerNorm"},
    {"cls", "pooler.dense"},
    {"cls.output", "classifier"},
};

GgufFamily decoder(std::span<const GgufModuleNames> in_layer) {
    return {
        .layers = "model.layers.",
        .in_layer = in_layer,
        .ends = kDecoderEnds,
        .experts = "mlp.experts.",
        .expert_gate = "gate_proj",
        .expert_up = "up_proj",
        .expert_down = "down_proj",
    };
}

}  // namespace

std::optional<GgufFamily> gguf_family_of(std::string_view architecture) {
    if (architecture == "llama") {
        GgufFamily family = decoder(kLlama);  // With experts it is Mixtral.
        family.experts = "block_sparse_moe.experts.";
        family.expert_gate = "w1";
        family.expert_up = "w3";
        family.expert_down = "w2";
        return family;
    }
    if (architecture == "qwen2" || architecture == "qwen3" || architecture == "qwen2moe" ||
        architecture == "qwen3moe") {
        return decoder(kQwen);
    }
    if (architecture == "gemma" || architecture == "gemma2" || architecture == "gemma3") {
        GgufFamily family = architecture == "gemma" ? decoder(kGemma) : decoder(kGemma2);
        family.norm_offset = 1;
        return family;
    }
    if (architecture == "phi3") {
        return decoder(kPhi3);
    }
    if (architecture == "gpt2") {
        return GgufFamily{.layers = "transformer.h.", .in_layer = kGpt2, .ends = kGpt2Ends};
    }
    if (architecture == "bert") {
        return GgufFamily{.layers = "encoder.layer.", .in_layer = kBert, .ends = kBertEnds};
    }
    return std::nullopt;
}

}  // namespace capstan::engine
