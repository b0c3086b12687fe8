#include "engine/files/gguf_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <ranges>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/files/dequantise.h"

namespace capstan::engine {
namespace {

struct Architecture {
    std::string_view gguf;
    std::string_view model_type;
    std::string_view class_name;
};

constexpr std::array<Architecture, 11> kArchitectures = {{
    {"llama", "llama", "LlamaForCausalLM"},
    {"qwen2", "qwen2", "Qwen2ForCausalLM"},
    {"qwen2moe", "qwen2_moe", "Qwen2MoeForCausalLM"},
    {"qwen3", "qwen3", "Qwen3ForCausalLM"},
    {"qwen3moe", "qwen3_moe", "Qwen3MoeForCausalLM"},
    {"gemma", "gemma", "GemmaForCausalLM"},
    {"gemma2", "gemma2", "Gemma2ForCausalLM"},
    {"gemma3", "gemma3_text", "Gemma3ForCausalLM"},
    {"phi3", "phi3", "Phi3ForCausalLM"},
    {"gpt2", "gpt2", "GPT2LMHeadModel"},
    {"bert", "bert", "BertModel"},
}};

constexpr std::int64_t kFactorsMax = 1'024;

// Copies values under other names, and remembers the first thing that is wrong.
class Builder {
public:
    Builder(const GgufFile& file, std::string_view architecture) : file_(file), architecture_(architecture) {}

    // The architecture's value: a number, or as many equal ones as there are layers.
    std::optional<std::int64_t> integer(std::string_view key) {
        const GgufValue* value = find(key);
        if (value == nullptr) {
            return std::nullopt;
        }
        auto number = value->as_int();
        if (const auto numbers = value->as_ints(); numbers && !numbers->empty()) {
            if (std::ranges::count(*numbers, numbers->front()) == std::ssize(*numbers)) {
                number = numbers->front();
            }
        }
        if (!number) {
            fail(key, "must be one integer, the same for all layers");
        }
        return number;
    }

    std::optional<double> number(std::string_view key) const {
        const GgufValue* value = find(key);
        return value == nullptr ? std::nullopt : value->as_double();
    }

    std::string text(std::string_view key) const {
        return file_.string_or(fmt::format("{}.{}", architecture_, key), "");
    }

    void copy_integer(std::string_view key, std::string_view name) {
        if (const auto value = integer(key)) {
            json_.set(name, *value);
        }
    }

    void copy_number(std::string_view key, std::string_view name) {
        if (const auto value = number(key)) {
            // A float's nearest double is 9.9999997e-06; what was meant is the shortest text.
            json_.set(name, parse_json(fmt::format("{}", static_cast<float>(*value))).value_or(Json(*value)));
        }
    }

    void set(std::string_view name, Json value) { json_.set(name, std::move(value)); }

    bool has_tensor(std::string_view name) const { return file_.find_tensor(name) != nullptr; }

    // Rows of a matrix; 0 when there is none.
    std::int64_t rows_of(std::string_view name) const {
        const Tensor* tensor = file_.find_tensor(name);
        return tensor == nullptr || tensor->shape.empty() ? 0 : tensor->shape.front();
    }

    // All numbers of a short vector; nothing when it is not there.
    std::optional<Json> numbers_of(std::string_view name) {
        const Tensor* tensor = file_.find_tensor(name);
        if (tensor == nullptr) {
            return std::nullopt;
        }
        if (tensor->elements() > kFactorsMax) {
            error_ = Error{
                ErrorCode::kInvalid, fmt::format("tensor '{}' has more than {} elements", name, kFactorsMax)
            };
            return std::nullopt;
        }
        std::vector<float> values(static_cast<std::size_t>(tensor->elements()));
        dequantise(tensor->type, tensor->bytes.data(), tensor->elements(), values.data());
        return Json::array_of(values | std::views::transform([](float value) { return double{value}; }));
    }

    void fail(std::string_view key, std::string_view why) {
        if (!error_) {
            error_ = Error{ErrorCode::kInvalid, fmt::format("key '{}.{}': {}", architecture_, key, why)};
        }
    }

    const GgufFile& file() const { return file_; }

    Result<Json> take() {
        if (error_) {
            return *error_;
        }
        return std::move(json_);
    }

private:
    const GgufValue* find(std::string_view key) const {
        return file_.find(fmt::format("{}.{}", architecture_, key));
    }

    const GgufFile& file_;
    std::string_view architecture_;
    Json json_ = Json::object();
    std::optional<Error> error_;
};

void add_tokens(Builder& builder) {
    const GgufFile& file = builder.file();
    if (const std::int64_t bos = file.int_or("tokenizer.ggml.bos_token_id", -1); bos >= 0) {
        builder.set("bos_token_id", bos);
    }
    std::vector<std::int64_t> ends;
    for (const auto* key :
         {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
        const std::int64_t id = file.int_or(key, -1);
        if (id >= 0 && std::ranges::count(ends, id) == 0) {
            ends.push_back(id);
        }
    }
    if (!ends.empty()) {
        builder.set("eos_token_id", Json::array_of(ends));
    }
}

// Only one of both is true for transformers: the factor, or the quotient of the contexts.
Json yarn(Builder& builder, double factor) {
    Json scaling = Json::object({{"rope_type", "yarn"}, {"factor", factor}});
    const auto original = builder.integer("rope.scaling.original_context_length");
    const auto context = builder.integer("context_length");
    if (original && context && static_cast<double>(*original) * factor == static_cast<double>(*context)) {
        scaling.set("original_max_position_embeddings", *original);
    }
    if (const auto fast = builder.number("rope.scaling.yarn_beta_fast")) {
        scaling.set("beta_fast", *fast);
    }
    if (const auto slow = builder.number("rope.scaling.yarn_beta_slow")) {
        scaling.set("beta_slow", *slow);
    }
    return scaling;
}

// The divisors as the file has them: what Llama 3's scaling comes to, and LongRoPE.
std::optional<Json> divisors(Builder& builder) {
    if (auto factors = builder.numbers_of("rope_freqs.weight")) {
        return Json::object(
            {{"rope_type", "longrope"},
             {"long_factor", *factors},
             {"short_factor", *factors},
             {"attention_factor", 1.0}}
        );
    }
    auto longs = builder.numbers_of("rope_factors_long.weight");
    auto shorts = builder.numbers_of("rope_factors_short.weight");
    if (!longs || !shorts) {
        return std::nullopt;
    }
    Json scaling = Json::object(
        {{"rope_type", "longrope"}, {"long_factor", std::move(*longs)}, {"short_factor", std::move(*shorts)}}
    );
    if (const auto attention = builder.number("rope.scaling.attn_factor")) {
        scaling.set("attention_factor", *attention);
    }
    if (const auto original = builder.integer("rope.scaling.original_context_length")) {
        scaling.set("original_max_position_embeddings", *original);
    }
    return scaling;
}

void add_rope(Builder& builder, std::int64_t head_dim) {
    builder.copy_number("rope.freq_base", "rope_theta");
    if (const auto turned = builder.integer("rope.dimension_count"); turned && head_dim > 0) {
        if (*turned != head_dim) {
            builder.set(
                "partial_rotary_factor", static_cast<double>(*turned) / static_cast<double>(head_dim)
            );
        }
    }
    if (auto scaling = divisors(builder)) {
        builder.set("rope_scaling", std::move(*scaling));
        return;
    }
    const std::string type = builder.text("rope.scaling.type");
    const double factor =
        builder.number("rope.scaling.factor").value_or(builder.number("rope.scale_linear").value_or(1));
    if (type == "yarn") {
        builder.set("rope_scaling", yarn(builder, factor));
    } else if (factor != 1 && type != "none") {
        builder.set("rope_scaling", Json::object({{"rope_type", "linear"}, {"factor", factor}}));
    }
}

std::int64_t add_shape(Builder& builder) {
    builder.copy_integer("embedding_length", "hidden_size");
    builder.copy_integer("feed_forward_length", "intermediate_size");
    builder.copy_integer("block_count", "num_hidden_layers");
    builder.copy_integer("attention.head_count", "num_attention_heads");
    builder.copy_integer("attention.head_count_kv", "num_key_value_heads");
    builder.copy_integer("context_length", "max_position_embeddings");
    builder.copy_number("attention.layer_norm_rms_epsilon", "rms_norm_eps");
    builder.set("vocab_size", builder.rows_of("token_embd.weight"));
    builder.set("tie_word_embeddings", !builder.has_tensor("output.weight"));
    const std::int64_t heads = builder.integer("attention.head_count").value_or(0);
    const std::int64_t hidden = builder.integer("embedding_length").value_or(0);
    const std::int64_t head_dim =
        builder.integer("attention.key_length").value_or(heads > 0 ? hidden / heads : 0);
    if (head_dim > 0) {
        builder.set("head_dim", head_dim);
    }
    return head_dim;
}

void add_experts(Builder& builder, std::string_view architecture) {
    const bool is_qwen = architecture != "llama";
    builder.copy_integer("expert_count", is_qwen ? "num_experts" : "num_local_experts");
    builder.copy_integer("expert_used_count", "num_experts_per_tok");
    builder.copy_integer("expert_feed_forward_length", "moe_intermediate_size");
    builder.copy_integer("expert_shared_feed_forward_length", "shared_expert_intermediate_size");
    if (is_qwen) {
        builder.set("norm_topk_prob", architecture == "qwen3moe");
    }
}

// Gemma's score scale is not in the file. It is 1/√head_dim, but for the 27B models, which llama.cpp, too,
// knows by their number of layers.
void add_gemma(Builder& builder, std::string_view architecture, std::int64_t head_dim) {
    builder.set("hidden_activation", "gelu_pytorch_tanh");
    if (architecture == "gemma") {
        return;
    }
    const std::int64_t layers = builder.integer("block_count").value_or(0);
    const std::int64_t heads = builder.integer("attention.head_count").value_or(0);
    const bool is_27b = layers == (architecture == "gemma2" ? 46 : 62);
    const std::int64_t hidden = builder.integer("embedding_length").value_or(0);
    builder.set("query_pre_attn_scalar", is_27b && heads > 0 ? hidden / heads : head_dim);
    // null is no cap; without the key there would be Gemma 2's.
    builder.set("attn_logit_softcapping", nullptr);
    builder.set("final_logit_softcapping", nullptr);
    builder.copy_number("attn_logit_softcapping", "attn_logit_softcapping");
    builder.copy_number("final_logit_softcapping", "final_logit_softcapping");
    builder.copy_number("rope.freq_base_swa", "rope_local_base_freq");
}

void add_decoder(Builder& builder, std::string_view architecture) {
    const std::int64_t head_dim = add_shape(builder);
    add_rope(builder, head_dim);
    add_experts(builder, architecture);
    if (const auto window = builder.integer("attention.sliding_window"); window && *window > 0) {
        builder.set("sliding_window", *window);
    }
    if (architecture.starts_with("gemma")) {
        add_gemma(builder, architecture, head_dim);
    }
    if (architecture == "llama") {
        builder.set("attention_bias", builder.has_tensor("blk.0.attn_q.bias"));
        builder.set("mlp_bias", builder.has_tensor("blk.0.ffn_up.bias"));
    }
}

void add_gpt2(Builder& builder) {
    builder.copy_integer("embedding_length", "n_embd");
    builder.copy_integer("feed_forward_length", "n_inner");
    builder.copy_integer("block_count", "n_layer");
    builder.copy_integer("attention.head_count", "n_head");
    builder.copy_integer("context_length", "n_positions");
    builder.copy_number("attention.layer_norm_epsilon", "layer_norm_epsilon");
    builder.set("vocab_size", builder.rows_of("token_embd.weight"));
    builder.set("tie_word_embeddings", !builder.has_tensor("output.weight"));
    builder.set("activation_function", "gelu_new");
}

void add_bert(Builder& builder) {
    constexpr std::array<std::string_view, 5> kPooling = {"none", "mean", "cls", "last", "rank"};
    builder.copy_integer("embedding_length", "hidden_size");
    builder.copy_integer("feed_forward_length", "intermediate_size");
    builder.copy_integer("block_count", "num_hidden_layers");
    builder.copy_integer("attention.head_count", "num_attention_heads");
    builder.copy_integer("context_length", "max_position_embeddings");
    builder.copy_number("attention.layer_norm_epsilon", "layer_norm_eps");
    builder.set("vocab_size", builder.rows_of("token_embd.weight"));
    builder.set("type_vocab_size", builder.rows_of("token_types.weight"));
    builder.set("hidden_act", "gelu");
    if (const auto pooling = builder.integer("pooling_type")) {
        if (*pooling < 0 || *pooling >= std::ssize(kPooling)) {
            builder.fail("pooling_type", "must be from 0 to 4");
            return;
        }
        builder.set("pooling_type", kPooling[static_cast<std::size_t>(*pooling)]);
    }
}

// Llama's blocks have two more names in Hugging Face.
Architecture named_for_features(Architecture found, const GgufFile& file) {
    if (found.gguf == "llama" && file.int_or("llama.expert_count", 0) > 0) {
        return {"llama", "mixtral", "MixtralForCausalLM"};
    }
    if (found.gguf == "llama" && file.int_or("llama.attention.sliding_window", 0) > 0) {
        return {"llama", "mistral", "MistralForCausalLM"};
    }
    return found;
}

}  // namespace

Result<Json> config_json_of(const GgufFile& file) {
    const std::string name = file.string_or("general.architecture", "");
    const auto* found = std::ranges::find(kArchitectures, name, &Architecture::gguf);
    if (found == kArchitectures.end()) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("'general.architecture' is '{}', which cannot be run", name.substr(0, 80))
        };
    }
    const Architecture architecture = named_for_features(*found, file);
    Builder builder(file, architecture.gguf);
    builder.set("architectures", Json::array({architecture.class_name}));
    builder.set("model_type", architecture.model_type);
    if (name == "gpt2") {
        add_gpt2(builder);
    } else if (name == "bert") {
        add_bert(builder);
    } else {
        add_decoder(builder, name);
    }
    add_tokens(builder);
    return builder.take();
}

}  // namespace capstan::engine
