#include "engine/model/architecture.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace capstan::engine {
namespace {

constexpr Range kWindowRange = {.low = 1, .high = 1 << 24};

// "MistralModel" of "MistralForCausalLM": the same without a head, as embedding models are saved.
bool is_bare_name(std::string_view name, std::string_view whole) {
    constexpr std::string_view kEnd = "ForCausalLM";
    return whole.ends_with(kEnd) && name.ends_with("Model") &&
           name.substr(0, name.size() - std::string_view("Model").size()) ==
               whole.substr(0, whole.size() - kEnd.size());
}

}  // namespace

Result<const Architecture*> find_architecture(const Json& config) {
    const Json& names = config["architectures"];
    const bool has_names = names.as_array() != nullptr;
    const std::string model_type = config.string_or("model_type", "");
    std::vector<std::string_view> known;
    for (const Architecture* architecture : architectures()) {
        known.push_back(architecture->name);
        const auto names_it = [&](const Json& name) {
            const auto* text = name.as_string();
            return text != nullptr &&
                   (*text == architecture->name || is_bare_name(*text, architecture->name));
        };
        const bool is_named = has_names && std::ranges::any_of(*names.as_array(), names_it);
        if (is_named || (!has_names && architecture->model_type == model_type)) {
            return architecture;
        }
    }
    return wrong_setting(
        has_names ? "architectures" : "model_type",
        has_names ? names : config["model_type"],
        fmt::format("what can be run is {}", fmt::join(known, ", "))
    );
}

bool has_no_head(const Json& config) {
    const Json::Array* names = config["architectures"].as_array();
    return names != nullptr && std::ranges::any_of(*names, [](const Json& name) {
               const auto* text = name.as_string();
               return text != nullptr && text->ends_with("Model");
           });
}

void read_shape(ConfigReader& reader, ModelConfig& config) {
    config.vocabulary = reader.integer("vocab_size", config.vocabulary, {.low = 1, .high = 1 << 24});
    config.hidden = reader.integer("hidden_size", config.hidden, {.low = 1, .high = 1 << 17});
    config.intermediate =
        reader.integer("intermediate_size", config.intermediate, {.low = 1, .high = 1 << 20});
    config.layers = reader.integer("num_hidden_layers", config.layers, {.low = 1, .high = 1024});
    config.heads = reader.integer("num_attention_heads", config.heads, {.low = 1, .high = 1024});
    config.kv_heads = reader.integer(
        "num_key_value_heads", config.kv_heads == 0 ? config.heads : config.kv_heads, {.low = 1, .high = 1024}
    );
    config.head_dim = reader.integer(
        "head_dim",
        config.head_dim == 0 ? config.hidden / config.heads : config.head_dim,
        {.low = 2, .high = 1024}
    );
    config.positions_max =
        reader.integer("max_position_embeddings", config.positions_max, {.low = 1, .high = 1 << 24});
    config.norm_epsilon = reader.number("rms_norm_eps", config.norm_epsilon, 0, 1);
    config.tied_embeddings = reader.flag("tie_word_embeddings", config.tied_embeddings);
}

void read_activation(ConfigReader& reader, std::string_view key, ModelConfig& config) {
    if (!reader.has(key)) {
        return;
    }
    const std::string name = reader.text(key, "");
    if (name == "silu" || name == "swish") {
        config.activation = Activation::kSilu;
    } else if (name == "gelu") {
        config.activation = Activation::kGelu;
    } else if (name == "gelu_pytorch_tanh" || name == "gelu_new") {
        config.activation = Activation::kGeluTanh;
    } else {
        reader.fail(key, "only 'silu', 'gelu', 'gelu_new' and 'gelu_pytorch_tanh' can be run");
    }
}

void set_windows(
    ConfigReader& reader,
    ModelConfig& config,
    std::int64_t window,
    const std::function<bool(std::int64_t layer)>& is_local
) {
    config.plans.resize(static_cast<std::size_t>(config.layers));
    const Json::Array* types = reader.at("layer_types").as_array();
    if (reader.has("layer_types") && (types == nullptr || types->size() != config.plans.size())) {
        reader.fail("layer_types", "it must be a list of one type for each layer");
        return;
    }
    for (std::size_t i = 0; i < config.plans.size(); ++i) {
        bool local = is_local(static_cast<std::int64_t>(i));
        if (types != nullptr) {
            local = (*types)[i] == Json("sliding_attention");
            if (!local && (*types)[i] != Json("full_attention")) {
                reader.fail("layer_types", "only 'full_attention' and 'sliding_attention' can be run");
            }
        }
        config.plans[i].window = local ? window : 0;
    }
}

void read_window(ConfigReader& reader, ModelConfig& config, std::int64_t otherwise) {
    const std::int64_t window = reader.integer_or_none("sliding_window", otherwise, kWindowRange);
    set_windows(reader, config, window, [](std::int64_t) { return true; });
}

void read_experts(ConfigReader& reader, ModelConfig& config, const ExpertKeys& keys) {
    ExpertConfig& experts = config.experts;
    experts.count = reader.integer(keys.count, keys.count_otherwise, {.low = 1, .high = 1024});
    experts.used = reader.integer("num_experts_per_tok", keys.used_otherwise, {.low = 1, .high = 1024});
    if (experts.used > experts.count) {
        reader.fail("num_experts_per_tok", Json(experts.used), "it must not be over the number of experts");
    }
}

void set_qkv_bias(ModelConfig& config, bool has_bias) {
    config.biases.query = has_bias;
    config.biases.key = has_bias;
    config.biases.value = has_bias;
}

}  // namespace capstan::engine
