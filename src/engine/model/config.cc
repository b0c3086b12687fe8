#include "engine/model/config.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "engine/files/quantisation_config.h"
#include "engine/model/architecture.h"
#include "engine/model/config_file.h"

namespace capstan::engine {
namespace {

constexpr std::uint64_t kFileBytesMax = 4'000'000;
constexpr int kDepthMax = 32;
constexpr std::size_t kEndTokensMax = 256;

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
            return wrong_setting(
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

// What every architecture must keep.
void check_shape(ConfigReader& reader, const ModelConfig& config) {
    if (config.heads % config.kv_heads != 0) {
        reader.fail("num_key_value_heads", Json(config.kv_heads), "it must divide num_attention_heads");
    }
    if (config.head_dim % 2 != 0 || config.head_dim < 2) {
        reader.fail("head_dim", Json(config.head_dim), "it must be even and at least 2");
    }
    if (reader.has("quantization_config")) {
        if (const auto refusal = quantisation_refusal(reader.at("quantization_config"))) {
            reader.fail("quantization_config", *refusal);
        }
    }
}

}  // namespace

Result<ModelConfig> parse_config(std::string_view config_json) {
    const auto json = parse_json(config_json, kDepthMax);
    if (!json) {
        return json.error();
    }
    return config_of(*json);
}

Result<ModelConfig> config_of(const Json& json) {
    if (!json.is_object()) {
        return Error{ErrorCode::kInvalid, "the configuration must be a JSON object"};
    }
    const auto architecture = find_architecture(json);
    if (!architecture) {
        return architecture.error();
    }
    ModelConfig config;
    config.kv_heads = 0;  // What Llama's file leaves out follows from other sizes.
    config.head_dim = 0;
    config.names = (*architecture)->names;
    ConfigReader reader(json);
    (*architecture)->read(reader, config);
    check_shape(reader, config);
    config.tied_embeddings = config.tied_embeddings || has_no_head(json);
    config.is_float32 = json.string_or("torch_dtype", json.string_or("dtype", "")) == "float32";
    if (json["bos_token_id"].is_number()) {
        config.bos = static_cast<llm::TokenId>(
            reader.integer("bos_token_id", 0, {.low = 0, .high = config.vocabulary - 1})
        );
    }
    if (reader.error()) {
        return *reader.error();
    }
    if (auto good = add_end_tokens(json["eos_token_id"], config); !good) {
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

Result<ModelConfig> read_config(const std::filesystem::path& path) {
    const auto json = read_config_json(path);
    if (!json) {
        return json.error();
    }
    auto config = config_of(*json);
    if (!config) {
        return with_context(fmt::format("'{}'", path.string()), config.error());
    }
    const std::filesystem::path generation_path = path / "generation_config.json";
    if (!std::filesystem::exists(generation_path)) {  // As beside a GGUF file.
        return config;
    }
    const auto generation = read_file(generation_path, kFileBytesMax);
    if (!generation) {
        return generation.error();
    }
    if (auto good = merge_generation_config(*generation, *config); !good) {
        return with_context(fmt::format("'{}'", generation_path.string()), good.error());
    }
    return config;
}

}  // namespace capstan::engine
