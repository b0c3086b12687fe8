#include "engine/model/config.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"

namespace capstan::engine {
namespace {

constexpr std::uint64_t kFileBytesMax = 4'000'000;
constexpr int kDepthMax = 32;
constexpr std::size_t kEndTokensMax = 256;

struct Range {
    std::int64_t low;
    std::int64_t high;
};

Error wrong(std::string_view key, const Json& value, std::string_view expected) {
    return Error{
        ErrorCode::kInvalid, fmt::format("'{}' is {}; {}", key, value.dump().substr(0, 80), expected)
    };
}

// Reads members of one object and remembers the first thing that is wrong, so that reading stays a list.
class Reader {
public:
    explicit Reader(const Json& json) : json_(json) {}

    std::int64_t integer(std::string_view key, std::int64_t otherwise, Range range) {
        const Json& value = json_[key];
        if (value.is_null()) {
            return otherwise;
        }
        const auto number = value.as_int();
        if (!number || *number < range.low || *number > range.high) {
            fail(key, value, fmt::format("it must be an integer from {} to {}", range.low, range.high));
            return otherwise;
        }
        return *number;
    }

    double number(std::string_view key, double otherwise, double low, double high) {
        const Json& value = json_[key];
        if (value.is_null()) {
            return otherwise;
        }
        const auto number = value.as_double();
        if (!number || !(*number >= low && *number <= high)) {
            fail(key, value, fmt::format("it must be a number from {} to {}", low, high));
            return otherwise;
        }
        return *number;
    }

    bool flag(std::string_view key) {
        const Json& value = json_[key];
        if (!value.is_null() && !value.is_bool()) {
            fail(key, value, "it must be true or false");
        }
        return value.as_bool().value_or(false);
    }

    void fail(std::string_view key, const Json& value, std::string_view expected) {
        if (!error_) {
            error_ = wrong(key, value, expected);
        }
    }

    const std::optional<Error>& error() const { return error_; }

private:
    const Json& json_;
    std::optional<Error> error_;
};

Result<void> check_architecture(const Json& json) {
    const Json& architectures = json["architectures"];
    if (const Json::Array* names = architectures.as_array()) {
        const bool is_llama = std::ranges::any_of(*names, [](const Json& name) {
            return name.as_string() != nullptr && *name.as_string() == "LlamaForCausalLM";
        });
        if (!is_llama) {
            return wrong("architectures", architectures, "only LlamaForCausalLM can be run");
        }
    } else if (json.string_or("model_type", "") != "llama") {
        return wrong("model_type", json["model_type"], "only 'llama' can be run");
    }
    if (json.string_or("hidden_act", "silu") != "silu") {
        return wrong("hidden_act", json["hidden_act"], "only 'silu' can be run");
    }
    if (!json["quantization_config"].is_null()) {
        return wrong("quantization_config", json["quantization_config"], "quantised weights cannot be read");
    }
    return {};
}

// `scaling` is "rope_scaling" of older files or "rope_parameters" of newer ones.
Result<void> read_rope_scaling(const Json& scaling, RopeConfig& rope) {
    if (scaling.is_null()) {
        return {};
    }
    if (!scaling.is_object()) {
        return wrong("rope_scaling", scaling, "it must be an object");
    }
    const std::string type = scaling.string_or("rope_type", scaling.string_or("type", "default"));
    Reader reader(scaling);
    rope.theta = reader.number("rope_theta", rope.theta, 1, 1e12);
    if (type == "linear") {
        rope.scaling = RopeScaling::kLinear;
    } else if (type == "llama3") {
        rope.scaling = RopeScaling::kLlama3;
    } else if (type != "default") {
        reader.fail("rope_type", Json(type), "only 'default', 'linear' and 'llama3' can be run");
    }
    if (rope.scaling != RopeScaling::kNone) {
        if (scaling["factor"].is_null()) {
            reader.fail("factor", scaling["factor"], "this rope_type needs it");
        }
        rope.factor = reader.number("factor", 1, 1, 1e6);
    }
    if (rope.scaling == RopeScaling::kLlama3) {
        rope.low_frequency_factor = reader.number("low_freq_factor", 1, 1e-6, 1e6);
        rope.high_frequency_factor = reader.number("high_freq_factor", 4, 1e-6, 1e6);
        rope.original_positions_max =
            reader.integer("original_max_position_embeddings", 8192, {.low = 1, .high = 1 << 24});
        if (rope.high_frequency_factor <= rope.low_frequency_factor) {
            reader.fail("high_freq_factor", scaling["high_freq_factor"], "it must be over low_freq_factor");
        }
    }
    if (reader.error()) {
        return with_context("rope scaling", *reader.error());
    }
    return {};
}

// One id or a list of ids, or null.
Result<void> add_end_tokens(const Json& json, ModelConfig& config) {
    Json::Array ids;
    if (const Json::Array* list = json.as_array()) {
        ids = *list;
    } else if (!json.is_null()) {
        ids.push_back(json);
    }
    for (const Json& id : ids) {
        const auto value = id.as_int();
        if (!value || *value < 0 || *value >= config.vocabulary || ids.size() > kEndTokensMax) {
            return wrong(
                "eos_token_id",
                json,
                fmt::format(
                    "it must be an id below the vocabulary's {}, or a list of at most {} such ids",
                    config.vocabulary,
                    kEndTokensMax
                )
            );
        }
        config.end_tokens.push_back(static_cast<llm::TokenId>(*value));
    }
    std::ranges::sort(config.end_tokens);
    const auto repeated = std::ranges::unique(config.end_tokens);
    config.end_tokens.erase(repeated.begin(), repeated.end());
    return {};
}

void read_shape(Reader& reader, ModelConfig& config) {
    config.vocabulary = reader.integer("vocab_size", 32'000, {.low = 1, .high = 1 << 24});
    config.hidden = reader.integer("hidden_size", 4096, {.low = 1, .high = 1 << 17});
    config.intermediate = reader.integer("intermediate_size", 11'008, {.low = 1, .high = 1 << 20});
    config.layers = reader.integer("num_hidden_layers", 32, {.low = 1, .high = 1024});
    config.heads = reader.integer("num_attention_heads", 32, {.low = 1, .high = 1024});
    config.kv_heads = reader.integer("num_key_value_heads", config.heads, {.low = 1, .high = 1024});
    config.head_dim = reader.integer("head_dim", config.hidden / config.heads, {.low = 2, .high = 1024});
    config.positions_max = reader.integer("max_position_embeddings", 2048, {.low = 1, .high = 1 << 24});
    config.norm_epsilon = reader.number("rms_norm_eps", 1e-6, 0, 1);
    config.rope.theta = reader.number("rope_theta", 10'000, 1, 1e12);
    config.tied_embeddings = reader.flag("tie_word_embeddings");
    config.attention_bias = reader.flag("attention_bias");
    config.mlp_bias = reader.flag("mlp_bias");
    if (config.heads % config.kv_heads != 0) {
        reader.fail("num_key_value_heads", Json(config.kv_heads), "it must divide num_attention_heads");
    }
    if (config.head_dim % 2 != 0 || config.head_dim < 2) {
        reader.fail("head_dim", Json(config.head_dim), "it must be even and at least 2");
    }
}

}  // namespace

Result<ModelConfig> parse_config(std::string_view config_json) {
    const auto json = parse_json(config_json, kDepthMax);
    if (!json) {
        return json.error();
    }
    if (!json->is_object()) {
        return Error{ErrorCode::kInvalid, "the configuration must be a JSON object"};
    }
    if (auto good = check_architecture(*json); !good) {
        return good.error();
    }
    ModelConfig config;
    Reader reader(*json);
    read_shape(reader, config);
    if ((*json)["bos_token_id"].is_number()) {
        config.bos = static_cast<llm::TokenId>(
            reader.integer("bos_token_id", 0, {.low = 0, .high = config.vocabulary - 1})
        );
    }
    if (reader.error()) {
        return *reader.error();
    }
    const bool is_new = !(*json)["rope_parameters"].is_null();
    if (auto good = read_rope_scaling((*json)[is_new ? "rope_parameters" : "rope_scaling"], config.rope);
        !good) {
        return good.error();
    }
    if (auto good = add_end_tokens((*json)["eos_token_id"], config); !good) {
        return good.error();
    }
    return config;
}

Result<void> merge_generation_config(std::string_view generation_config_json, ModelConfig& config) {
    const auto json = parse_json(generation_config_json, kDepthMax);
    if (!json) {
        return json.error();
    }
    return add_end_tokens((*json)["eos_token_id"], config);
}

Result<ModelConfig> read_config(const std::filesystem::path& directory) {
    const std::filesystem::path path = directory / "config.json";
    const auto text = read_file(path, kFileBytesMax);
    if (!text) {
        return text.error();
    }
    auto config = parse_config(*text);
    if (!config) {
        return with_context(fmt::format("'{}'", path.string()), config.error());
    }
    const std::filesystem::path generation_path = directory / "generation_config.json";
    const auto generation_text = read_file(generation_path, kFileBytesMax);
    if (!generation_text) {
        if (generation_text.error().code == ErrorCode::kNotFound) {
            return config;
        }
        return generation_text.error();
    }
    if (auto good = merge_generation_config(*generation_text, *config); !good) {
        return with_context(fmt::format("'{}'", generation_path.string()), good.error());
    }
    return config;
}

}  // namespace capstan::engine
