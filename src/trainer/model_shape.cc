#include "trainer/model_shape.h"

#include <cmath>

#include <fmt/format.h>

namespace capstan::trainer {
namespace {

struct Limit {
    const char* name;
    std::int64_t value;
    std::int64_t max;
};

Error wrong(std::string_view key, std::string_view why) {
    return {ErrorCode::kInvalid, fmt::format("{} {}", key, why)};
}

// What would change the arithmetic and is not implemented.
Result<void> check_supported(const Json& config) {
    const auto architectures = config["architectures"].dump();
    if (config.contains("architectures") && architectures != R"(["LlamaForCausalLM"])") {
        return wrong(
            "architectures", fmt::format("{} is not supported; use LlamaForCausalLM", architectures)
        );
    }
    if (const auto type = config.string_or("model_type", "llama"); type != "llama") {
        return wrong("model_type", fmt::format("'{}' is not supported; use 'llama'", type));
    }
    if (const auto activation = config.string_or("hidden_act", "silu"); activation != "silu") {
        return wrong("hidden_act", fmt::format("'{}' is not supported; use 'silu'", activation));
    }
    for (const auto* key : {"attention_bias", "mlp_bias"}) {
        if (config.bool_or(key, false)) {
            return wrong(key, "is not supported; set it to false");
        }
    }
    for (const auto* key : {"rope_scaling", "rope_parameters"}) {
        const auto type = config[key].string_or("rope_type", config[key].string_or("type", "default"));
        if (type != "default") {
            return wrong(key, fmt::format("of type '{}' is not supported", type));
        }
    }
    return {};
}

}  // namespace

Result<void> check_shape(const ModelShape& shape) {
    for (const auto& [name, value, max] : {
             Limit{"vocab_size", shape.vocab_size, 1 << 20},
             Limit{"hidden_size", shape.hidden_size, 1 << 14},
             Limit{"intermediate_size", shape.intermediate_size, 1 << 16},
             Limit{"num_hidden_layers", shape.layers, 256},
             Limit{"num_attention_heads", shape.heads, 256},
             Limit{"num_key_value_heads", shape.kv_heads, 256},
             Limit{"head_dim", shape.head_dim, 512},
             Limit{"max_position_embeddings", shape.positions_max, 1 << 20},
         }) {
        if (value < 1 || value > max) {
            return wrong(name, fmt::format("is {}; it must be 1 to {}", value, max));
        }
    }
    if (shape.heads % shape.kv_heads != 0) {
        return wrong(
            "num_key_value_heads", fmt::format("is {}; it must divide {}", shape.kv_heads, shape.heads)
        );
    }
    if (shape.head_dim % 2 != 0) {
        return wrong("head_dim", fmt::format("is {}; it must be even", shape.head_dim));
    }
    if (!(shape.rope_theta > 1) || !std::isfinite(shape.rope_theta)) {
        return wrong("rope_theta", fmt::format("is {}; it must be over 1", shape.rope_theta));
    }
    if (!(shape.rms_norm_eps > 0) || !(shape.rms_norm_eps < 1)) {
        return wrong("rms_norm_eps", fmt::format("is {}; it must be between 0 and 1", shape.rms_norm_eps));
    }
    return {};
}

std::int64_t parameter_count(const ModelShape& shape) {
    const auto attention = shape.hidden_size * shape.head_dim * 2 * (shape.heads + shape.kv_heads);
    const auto layer = attention + 3 * shape.hidden_size * shape.intermediate_size + 2 * shape.hidden_size;
    const auto embedding = shape.vocab_size * shape.hidden_size;
    return shape.layers * layer + shape.hidden_size + embedding * (shape.tie_word_embeddings ? 1 : 2);
}

Result<ModelShape> read_model_config(const Json& config) {
    if (!config.is_object()) {
        return Error{ErrorCode::kInvalid, "config.json is no JSON object"};
    }
    if (auto supported = check_supported(config); !supported) {
        return supported.error();
    }
    ModelShape shape;
    for (const auto& [name, target] : {
             std::pair{"vocab_size", &shape.vocab_size},
             std::pair{"hidden_size", &shape.hidden_size},
             std::pair{"intermediate_size", &shape.intermediate_size},
             std::pair{"num_hidden_layers", &shape.layers},
             std::pair{"num_attention_heads", &shape.heads},
         }) {
        const auto value = config.get_int(name);
        if (!value) {
            return value.error();
        }
        *target = *value;
    }
    shape.kv_heads = config.int_or("num_key_value_heads", shape.heads);
    shape.positions_max = config.int_or("max_position_embeddings", 2048);
    shape.head_dim = config.int_or("head_dim", shape.heads > 0 ? shape.hidden_size / shape.heads : 0);
    shape.rope_theta =
        config.double_or("rope_theta", config["rope_parameters"].double_or("rope_theta", 10'000));
    shape.rms_norm_eps = config.double_or("rms_norm_eps", 1e-6);
    shape.tie_word_embeddings = config.bool_or("tie_word_embeddings", false);
    if (auto good = check_shape(shape); !good) {
        return good.error();
    }
    return shape;
}

Json model_config(const ModelShape& shape, const std::vector<std::int64_t>& end_tokens) {
    return Json::object({
        {"architectures", Json::array({"LlamaForCausalLM"})},
        {"model_type", "llama"},
        {"vocab_size", shape.vocab_size},
        {"hidden_size", shape.hidden_size},
        {"intermediate_size", shape.intermediate_size},
        {"num_hidden_layers", shape.layers},
        {"num_attention_heads", shape.heads},
        {"num_key_value_heads", shape.kv_heads},
        {"head_dim", shape.head_dim},
        {"hidden_act", "silu"},
        {"max_position_embeddings", shape.positions_max},
        {"rope_theta", shape.rope_theta},
        {"rope_scaling", nullptr},
        {"rms_norm_eps", shape.rms_norm_eps},
        {"initializer_range", 0.02},
        {"attention_bias", false},
        {"attention_dropout", 0.0},
        {"mlp_bias", false},
        {"tie_word_embeddings", shape.tie_word_embeddings},
        {"use_cache", true},
        {"torch_dtype", "float32"},
        {"bos_token_id", end_tokens.empty() ? Json() : Json(end_tokens.front())},
        {"eos_token_id", Json::array_of(end_tokens)},
        {"pad_token_id", end_tokens.empty() ? Json() : Json(end_tokens.front())},
    });
}

Json generation_config(const ModelShape& shape, const std::vector<std::int64_t>& end_tokens) {
    return Json::object({
        {"_from_model_config", true},
        {"bos_token_id", end_tokens.empty() ? Json() : Json(end_tokens.front())},
        {"eos_token_id", Json::array_of(end_tokens)},
        {"pad_token_id", end_tokens.empty() ? Json() : Json(end_tokens.front())},
        {"do_sample", false},
        {"max_length", shape.positions_max},
    });
}

}  // namespace capstan::trainer
