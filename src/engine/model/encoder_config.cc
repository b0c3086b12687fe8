#include "engine/model/encoder_config.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/model/architecture.h"
#include "engine/model/config_file.h"

namespace capstan::engine {
namespace {

constexpr TensorNames layer_names(std::string_view base) {
    return {
        .base = base,
        .embedding = "embeddings.word_embeddings",
        .positions = "embeddings.position_embeddings",
        .final_norm = "",
        .head = "",
        .layers = "encoder.layer.",
        .attention_norm = "",
        .attention_post_norm = "attention.output.LayerNorm",
        .mlp_norm = "",
        .mlp_post_norm = "output.LayerNorm",
        .projections =
            {
                "attention.self.query",
                "attention.self.key",
                "attention.self.value",
                "attention.output.dense",
                "",
                "intermediate.dense",
                "output.dense",
            },
        .ignored_ends = {"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"},
    };
}

constexpr EncoderNames kBertNames = {.layers = layer_names("bert.")};
constexpr EncoderNames kRobertaNames = {.layers = layer_names("roberta.")};

struct EncoderArchitecture {
    std::string_view name;
    const EncoderNames* names;
    bool counts_from_padding;
    ScoreHead score_head;
};

constexpr std::array<EncoderArchitecture, 6> kArchitectures = {{
    {"BertModel", &kBertNames, false, ScoreHead::kNone},
    {"BertForSequenceClassification", &kBertNames, false, ScoreHead::kPooler},
    {"RobertaModel", &kRobertaNames, true, ScoreHead::kNone},
    {"RobertaForSequenceClassification", &kRobertaNames, true, ScoreHead::kDense},
    {"XLMRobertaModel", &kRobertaNames, true, ScoreHead::kNone},
    {"XLMRobertaForSequenceClassification", &kRobertaNames, true, ScoreHead::kDense},
}};

const EncoderArchitecture* find_encoder(const Json& json) {
    if (const Json::Array* names = json["architectures"].as_array()) {
        for (const EncoderArchitecture& architecture : kArchitectures) {
            if (std::ranges::count(*names, Json(architecture.name)) > 0) {
                return &architecture;
            }
        }
    }
    return nullptr;
}

void read_encoder_shape(ConfigReader& reader, ModelConfig& shape) {
    shape.vocabulary = 30'522;
    shape.hidden = 768;
    shape.intermediate = 3072;
    shape.layers = 12;
    shape.heads = 12;
    shape.positions_max = 512;
    shape.kv_heads = 0;
    shape.head_dim = 0;
    shape.norm = NormKind::kLayer;
    shape.activation = Activation::kGelu;
    shape.is_gated = false;
    shape.has_rope = false;
    shape.biases = {.query = true, .key = true, .value = true, .output = true, .up = true, .down = true};
    read_shape(reader, shape);
    shape.norm_epsilon = reader.number("layer_norm_eps", 1e-12, 0, 1);
    read_activation(reader, "hidden_act", shape);
    if (shape.head_dim * shape.heads != shape.hidden || shape.kv_heads != shape.heads) {
        reader.fail("num_attention_heads", Json(shape.heads), "it must divide hidden_size");
    }
    if (reader.text("position_embedding_type", "absolute") != "absolute") {
        reader.fail("position_embedding_type", "only 'absolute' can be run");
    }
    if (reader.has("quantization_config")) {
        reader.fail("quantization_config", "quantised encoders cannot be read");
    }
}

// GGUF's word for it.
std::optional<Pooling> pooling_named(std::string_view name) {
    if (name == "mean") {
        return Pooling::kMean;
    }
    if (name == "cls") {
        return Pooling::kFirst;
    }
    if (name == "last") {
        return Pooling::kLast;
    }
    return std::nullopt;
}

}  // namespace

bool is_encoder(const Json& config_json) {
    return find_encoder(config_json) != nullptr;
}

Result<EncoderConfig> parse_encoder_config(const Json& json) {
    const EncoderArchitecture* architecture = find_encoder(json);
    if (architecture == nullptr) {
        std::vector<std::string_view> known;
        for (const EncoderArchitecture& each : kArchitectures) {
            known.push_back(each.name);
        }
        return wrong_setting(
            "architectures",
            json["architectures"],
            fmt::format("encoders that can be run are {}", fmt::join(known, ", "))
        );
    }
    EncoderConfig config = {
        .score_head = architecture->score_head,
        .names = architecture->names,
    };
    ConfigReader reader(json);
    read_encoder_shape(reader, config.shape);
    config.shape.names = &config.names->layers;
    config.token_types = reader.integer("type_vocab_size", 2, {.low = 0, .high = 1024});
    if (architecture->counts_from_padding) {
        config.position_offset = reader.integer("pad_token_id", 1, {.low = 0, .high = 1 << 20}) + 1;
    }
    config.tokens_max = config.shape.positions_max - config.position_offset;
    if (config.tokens_max < 1) {
        reader.fail("max_position_embeddings", "it leaves no position for a token");
    }
    if (config.score_head != ScoreHead::kNone) {
        const Json::Object* labels = json["id2label"].as_object();
        if (labels == nullptr || labels->size() != 1) {
            reader.fail("id2label", "a model that scores pairs has one label");
        }
    }
    if (const auto pooling = pooling_named(reader.text("pooling_type", ""))) {
        config.pooling = *pooling;
    }
    if (reader.error()) {
        return *reader.error();
    }
    return config;
}

Result<Pooling> parse_pooling(const Json& json) {
    constexpr std::array<std::pair<std::string_view, std::optional<Pooling>>, 6> kModes = {{
        {"pooling_mode_cls_token", Pooling::kFirst},
        {"pooling_mode_mean_tokens", Pooling::kMean},
        {"pooling_mode_max_tokens", Pooling::kMax},
        {"pooling_mode_lasttoken", Pooling::kLast},
        {"pooling_mode_mean_sqrt_len_tokens", std::nullopt},
        {"pooling_mode_weightedmean_tokens", std::nullopt},
    }};
    std::optional<Pooling> chosen;
    for (const auto& [key, pooling] : kModes) {
        if (json.bool_or(key, false)) {
            if (!pooling || chosen) {
                return wrong_setting(key, json[key], "one of cls, mean, max and last token can be run");
            }
            chosen = pooling;
        }
    }
    return chosen.value_or(Pooling::kMean);
}

Result<void> read_modules(const std::filesystem::path& directory, EncoderConfig& config) {
    const std::filesystem::path path = directory / "modules.json";
    if (!std::filesystem::exists(path)) {
        return {};
    }
    const auto modules = read_json_file(path);
    if (!modules) {
        return modules.error();
    }
    const Json::Array* items = modules->as_array();
    if (items == nullptr || items->size() > 16) {
        return Error{ErrorCode::kInvalid, fmt::format("'{}' must be a short list", path.string())};
    }
    config.normalises = false;
    for (const Json& item : *items) {
        const std::string type = item.string_or("type", "");
        if (type == "sentence_transformers.models.Pooling") {
            const std::string folder = item.string_or("path", "");
            if (folder.empty() || folder.find_first_of("/\\.") != std::string::npos) {
                return wrong_setting("path", item["path"], "it must be a folder of the model's directory");
            }
            const auto settings = read_json_file(directory / folder / "config.json");
            if (!settings) {
                return settings.error();
            }
            const auto pooling = parse_pooling(*settings);
            if (!pooling) {
                return with_context(folder, pooling.error());
            }
            config.pooling = *pooling;
        } else if (type == "sentence_transformers.models.Normalize") {
            config.normalises = true;
        } else if (type != "sentence_transformers.models.Transformer") {
            return wrong_setting("type", item["type"], "only Transformer, Pooling and Normalize can be run");
        }
    }
    return {};
}

namespace {

// What sentence_bert_config.json says of the length of a text; `otherwise` when it says nothing.
Result<std::int64_t> read_length_limit(const std::filesystem::path& directory, std::int64_t otherwise) {
    const std::filesystem::path path = directory / "sentence_bert_config.json";
    if (!std::filesystem::exists(path)) {
        return otherwise;
    }
    const auto json = read_json_file(path);
    if (!json) {
        return json.error();
    }
    ConfigReader reader(*json);
    const std::int64_t limit = reader.integer("max_seq_length", otherwise, {.low = 1, .high = 1 << 24});
    if (reader.error()) {
        return with_context(fmt::format("'{}'", path.string()), *reader.error());
    }
    return limit;
}

}  // namespace

Result<EncoderConfig> read_encoder_config(const std::filesystem::path& path) {
    const auto json = read_config_json(path);
    if (!json) {
        return json.error();
    }
    auto config = parse_encoder_config(*json);
    if (!config) {
        return with_context(fmt::format("'{}'", path.string()), config.error());
    }
    if (!std::filesystem::is_directory(path)) {
        return config;
    }
    if (auto good = read_modules(path, *config); !good) {
        return good.error();
    }
    const auto limit = read_length_limit(path, config->tokens_max);
    if (!limit) {
        return limit.error();
    }
    config->tokens_max = std::min(*limit, config->shape.positions_max - config->position_offset);
    return config;
}

std::optional<Pooling> decoder_pooling_named(std::string_view name) {
    const auto pooling = pooling_named(name);
    return pooling == Pooling::kFirst ? std::nullopt : pooling;
}

Result<std::optional<EmbeddingConfig>> read_embedding_config(const std::filesystem::path& path) {
    const auto json = read_config_json(path);
    if (!json) {
        return json.error();
    }
    EncoderConfig config;
    const bool is_folder = std::filesystem::is_directory(path);
    const auto named = pooling_named(json->string_or("pooling_type", ""));
    if (!(is_folder && std::filesystem::exists(path / "modules.json")) && !named) {
        return std::optional<EmbeddingConfig>();
    }
    config.pooling = named.value_or(Pooling::kMean);
    if (auto good = is_folder ? read_modules(path, config) : Result<void>(); !good) {
        return good.error();
    }
    const auto limit = is_folder ? read_length_limit(path, 0) : Result<std::int64_t>(0);
    if (!limit) {
        return limit.error();
    }
    if (config.pooling != Pooling::kLast && config.pooling != Pooling::kMean) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "'{}' is a decoder: its vectors can be made of "
                "the last token or of the mean of all",
                path.string()
            )
        };
    }
    return std::optional(
        EmbeddingConfig{.pooling = config.pooling, .normalises = config.normalises, .tokens_max = *limit}
    );
}

}  // namespace capstan::engine
