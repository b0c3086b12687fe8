#pragma once

// What the tensors of an architecture are called, and how they lie in files.

#include <array>
#include <string_view>

namespace capstan::engine {

struct MlpNames {
    std::string_view gate = "gate_proj";
    std::string_view up = "up_proj";
    std::string_view down = "down_proj";
};

// Modules, without ".weight" and ".bias". Empty: the architecture has none.
struct TensorNames {
    std::string_view base = "model.";  // Before all but `head`; some files leave it out.
    std::string_view embedding = "embed_tokens";
    std::string_view positions = "";
    std::string_view final_norm = "norm";
    std::string_view head = "lm_head";
    std::string_view layers = "layers.";  // Then the layer's number, a dot, and:
    std::string_view attention_norm = "input_layernorm";
    std::string_view attention_post_norm = "";
    std::string_view mlp_norm = "post_attention_layernorm";
    std::string_view mlp_post_norm = "";
    std::string_view query_norm = "";
    std::string_view key_norm = "";
    // In the order of Projection.
    std::array<std::string_view, 7> projections = {
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
        "self_attn.o_proj",
        "mlp.gate_proj",
        "mlp.up_proj",
        "mlp.down_proj",
    };
    std::string_view fused_qkv = "";      // Query, key and value as rows of one matrix.
    std::string_view fused_gate_up = "";  // Gate and up likewise.
    bool is_transposed = false;           // Matrices are [in, out] (GPT-2's Conv1D).
    std::string_view router = "";
    std::string_view experts = "";  // Then the expert's number, a dot, and:
    MlpNames expert;
    std::string_view shared_expert = "";  // Then a dot, and names as an expert's.
    std::string_view shared_gate = "";
    std::array<std::string_view, 3> ignored_ends = {".rotary_emb.inv_freq", "", ""};
};

inline constexpr TensorNames kLlamaNames;

}  // namespace capstan::engine
