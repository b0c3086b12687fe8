#include "engine/files/gguf_names.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace capstan::engine {
namespace {

constexpr std::int64_t kExpertsMax = 4'096;

enum class Change { kNone, kTransposed, kQueryRows, kKeyRows };

// Modules, without ".weight" and ".bias".
struct Names {
    std::string_view gguf;
    std::string_view hugging_face;
    Change change = Change::kNone;
};

// What follows "blk.N." and what follows `layers` and "N."; `gate`, `up` and `down` are of one expert.
struct Family {
    std::string_view layers;
    std::span<const Names> in_layer;
    std::span<const Names> ends;
    std::string_view experts;
    std::string_view expert_gate;
    std::string_view expert_up;
    std::string_view expert_down;
};

constexpr Names kDecoderEnds[] = {
    {"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}
};

constexpr Names kLlama[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj", Change::kQueryRows},
    {"attn_k", "self_attn.k_proj", Change::kKeyRows},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {"ffn_gate_inp", "block_sparse_moe.gate"},
};

constexpr Names kQwen[] = {
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

constexpr Names kGemma[] = {
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

constexpr Names kGemma2[] = {
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

constexpr Names kPhi3[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_qkv", "self_attn.qkv_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_up", "mlp.gate_up_proj"},
    {"ffn_down", "mlp.down_proj"},
};

constexpr Names kGpt2[] = {
    {"attn_norm", "ln_1"},
    {"attn_qkv", "attn.c_attn", Change::kTransposed},
    {"attn_output", "attn.c_proj", Change::kTransposed},
    {"ffn_norm", "ln_2"},
    {"ffn_up", "mlp.c_fc", Change::kTransposed},
    {"ffn_down", "mlp.c_proj", Change::kTransposed},
};

constexpr Names kGpt2Ends[] = {
    {"token_embd", "transformer.wte"},
    {"position_embd", "transformer.wpe"},
    {"output_norm", "transformer.ln_f"},
    {"output", "lm_head"},
};

constexpr Names kBert[] = {
    {"attn_q", "attention.self.query"},
    {"attn_k", "attention.self.key"},
    {"attn_v", "attention.self.value"},
    {"attn_output", "attention.output.dense"},
    {"attn_output_norm", "attention.output.LayerNorm"},
    {"ffn_up", "intermediate.dense"},
    {"ffn_down", "output.dense"},
    {"layer_output_norm", "output.LayerNorm"},
};

constexpr Names kBertEnds[] = {
    {"token_embd", "embeddings.word_embeddings"},
    {"position_embd", "embeddings.position_embeddings"},
    {"token_types", "embeddings.token_type_embeddings"},
    {"token_embd_norm", "embeddings.LayerNorm"},
    {"cls", "pooler.dense"},
    {"cls.output", "classifier"},
};

Family decoder(std::span<const Names> in_layer) {
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

std::optional<Family> family_of(std::string_view architecture) {
    if (architecture == "llama") {
        Family family = decoder(kLlama);  // With experts it is Mixtral.
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
    if (architecture == "gemma") {
        return decoder(kGemma);
    }
    if (architecture == "gemma2" || architecture == "gemma3") {
        return decoder(kGemma2);
    }
    if (architecture == "phi3") {
        return decoder(kPhi3);
    }
    if (architecture == "gpt2") {
        return Family{.layers = "transformer.h.", .in_layer = kGpt2, .ends = kGpt2Ends};
    }
    if (architecture == "bert") {
        return Family{.layers = "encoder.layer.", .in_layer = kBert, .ends = kBertEnds};
    }
    return std::nullopt;
}

// "blk.3.attn_q.weight" in parts.
struct StoredName {
    std::optional<int> layer;
    std::string module;  // "attn_q"
    std::string end;     // ".weight"
};

StoredName split(std::string_view name) {
    StoredName parts;
    const std::size_t dot = name.rfind('.');
    if (dot != std::string_view::npos) {
        parts.end = name.substr(dot);
        name = name.substr(0, dot);
    }
    if (name.starts_with("blk.")) {
        int layer = 0;
        const std::string_view rest = name.substr(4);
        const auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
        if (failed == std::errc() && end != rest.data() + rest.size() && *end == '.' && layer >= 0) {
            parts.layer = layer;
            name = rest.substr(static_cast<std::size_t>(end - rest.data()) + 1);
        }
    }
    parts.module = name;
    return parts;
}

class Renamer {
public:
    Renamer(const GgufFile& file, const Family& family, std::string_view architecture)
        : family_(family),
          query_heads_(file.int_or(fmt::format("{}.attention.head_count", architecture), 0)),
          key_heads_(file.int_or(fmt::format("{}.attention.head_count_kv", architecture), query_heads_)),
          norm_offset_(architecture.starts_with("gemma") ? 1.0F : 0.0F) {}

    Result<void> add(const Tensor& stored) {
        const StoredName parts = split(stored.name);
        if (parts.layer) {
            if (auto added = add_experts(stored, parts); !added || *added) {
                return added ? Result<void>() : added.error();
            }
        }
        const auto names = parts.layer ? family_.in_layer : family_.ends;
        const auto found = std::ranges::find(names, parts.module, &Names::gguf);
        if (found == names.end()) {
            return keep(stored, stored.name);
        }
        const std::string prefix = parts.layer ? fmt::format("{}{}.", family_.layers, *parts.layer) : "";
        Tensor tensor = stored;
        if (auto good = apply(found->change, parts, tensor); !good) {
            return good;
        }
        if (parts.module.ends_with("norm")) {
            tensor.offset = norm_offset_;
        }
        return keep(std::move(tensor), fmt::format("{}{}{}", prefix, found->hugging_face, parts.end));
    }

    std::map<std::string, Tensor, std::less<>> take() { return std::move(tensors_); }

private:
    Result<void> keep(Tensor tensor, std::string name) {
        tensor.name = name;
        if (!tensors_.emplace(name, std::move(tensor)).second) {
            return Error{ErrorCode::kInvalid, fmt::format("tensor '{}' is there under two names", name)};
        }
        return {};
    }

    Result<void> apply(Change change, const StoredName& parts, Tensor& tensor) const {
        if (change == Change::kTransposed) {
            tensor.is_transposed = parts.end == ".weight";
        }
        if (change == Change::kQueryRows || change == Change::kKeyRows) {
            const std::int64_t heads = change == Change::kQueryRows ? query_heads_ : key_heads_;
            const std::int64_t rows = tensor.shape.empty() ? 1 : tensor.shape.front();
            if (heads <= 0 || rows % heads != 0 || rows / heads % 2 != 0) {
                return Error{
                    ErrorCode::kInvalid,
                    fmt::format("tensor '{}': {} rows are no {} heads of even size", tensor.name, rows, heads)
                };
            }
            tensor.interleaved_heads = heads;
        }
        return {};
    }

    std::string_view expert_module(std::string_view stem) const {
        if (stem == "ffn_gate") {
            return family_.expert_gate;
        }
        if (stem == "ffn_up") {
            return family_.expert_up;
        }
        return stem == "ffn_down" ? family_.expert_down : "";
    }

    // "ffn_up_exps" is [experts, rows, columns]: a view for each. False when this is something else.
    Result<bool> add_experts(const Tensor& stored, const StoredName& parts) {
        constexpr std::string_view kEnd = "_exps";
        const std::string_view module = parts.module;
        if (!module.ends_with(kEnd) || stored.shape.size() != 3) {
            return false;
        }
        const std::string_view name = expert_module(module.substr(0, module.size() - kEnd.size()));
        if (name.empty()) {
            return false;
        }
        const std::int64_t experts = stored.shape.front();
        if (experts > kExpertsMax) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("tensor '{}': {} experts; at most {} can be", stored.name, experts, kExpertsMax)
            };
        }
        const std::size_t bytes = stored.bytes.size() / static_cast<std::size_t>(experts);
        for (std::int64_t expert = 0; expert < experts; ++expert) {
            Tensor view = stored;
            view.shape.erase(view.shape.begin());
            view.bytes = stored.bytes.subspan(static_cast<std::size_t>(expert) * bytes, bytes);
            view.name = fmt::format(
                "{}{}.{}{}.{}{}", family_.layers, *parts.layer, family_.experts, expert, name, parts.end
            );
            tensors_.insert_or_assign(view.name, view);
        }
        return true;
    }

    const Family& family_;
    std::int64_t query_heads_;
    std::int64_t key_heads_;
    float norm_offset_;
    std::map<std::string, Tensor, std::less<>> tensors_;
};

constexpr std::string_view kReadByConfiguration[] = {
    "rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"
};

}  // namespace

Result<std::map<std::string, Tensor, std::less<>>> hugging_face_tensors(const GgufFile& file) {
    const std::string architecture = file.string_or("general.architecture", "");
    const auto family = family_of(architecture);
    if (!family) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "'general.architecture' is '{}'; llama, qwen2, qwen2moe, qwen3, qwen3moe, gemma, gemma2, "
                "gemma3, phi3, gpt2 and bert are known",
                architecture.substr(0, 80)
            )
        };
    }
    Renamer renamer(file, *family, architecture);
    for (const auto& [name, tensor] : file.tensors()) {
        if (std::ranges::count(kReadByConfiguration, name) != 0) {
            continue;
        }
        if (auto good = renamer.add(tensor); !good) {
            return good.error();
        }
    }
    return renamer.take();
}

}  // namespace capstan::engine
