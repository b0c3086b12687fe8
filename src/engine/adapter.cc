#include "engine/adapter.h"

#include <cmath>
#include <set>
#include <string>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "engine/weights.h"

namespace capstan::engine {
namespace {

constexpr std::uint64_t kConfigBytesMax = 4'000'000;
constexpr std::string_view kPrefix = "base_model.model.";

Error unsupported(std::string_view key, const Json& value) {
    return Error{
        ErrorCode::kInvalid,
        fmt::format("'{}' is {}, which cannot be run: only plain LoRA can", key, value.dump().substr(0, 80))
    };
}

// Absent, null, false, zero, and empty containers ask for nothing.
bool is_off(const Json& value) {
    if (const auto* text = value.as_string()) {
        return text->empty() || *text == "none";
    }
    if (const auto* items = value.as_array()) {
        return items->empty();
    }
    if (const auto* members = value.as_object()) {
        return members->empty();
    }
    return value.is_null() || value.as_bool() == false;
}

Result<void> check_settings(const Json& json) {
    if (json.string_or("peft_type", "") != "LORA") {
        return unsupported("peft_type", json["peft_type"]);
    }
    for (const auto* key :
         {"use_dora",
          "use_qalora",
          "layer_replication",
          "target_parameters",
          "lora_bias",
          "bias",
          "modules_to_save",
          "fan_in_fan_out",
          "trainable_token_indices",
          "alora_invocation_tokens"}) {
        if (!is_off(json[key])) {
            return unsupported(key, json[key]);
        }
    }
    // These change the base model's weights when the adapter is made.
    const std::string init = json.string_or("init_lora_weights", "");
    for (const auto* changing : {"pissa", "olora", "corda", "loftq"}) {
        if (init.starts_with(changing)) {
            return unsupported("init_lora_weights", json["init_lora_weights"]);
        }
    }
    return {};
}

// PEFT matches the keys of alpha_pattern as regular expressions at the end of a module's path; only plain
// paths are taken here, which is what PEFT's own documentation shows.
Result<void> check_pattern(const Json& patterns) {
    if (patterns.is_null()) {
        return {};
    }
    if (!patterns.is_object()) {
        return unsupported("alpha_pattern", patterns);
    }
    for (const auto& [key, value] : *patterns.as_object()) {
        const bool is_plain =
            key.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
            std::string::npos;
        if (!is_plain || !value.as_double()) {
            return unsupported("alpha_pattern", patterns);
        }
    }
    return {};
}

double alpha_of(std::string_view module, const Json& json) {
    if (const Json::Object* patterns = json["alpha_pattern"].as_object()) {
        for (const auto& [key, value] : *patterns) {
            if (module == key || module.ends_with("." + key)) {
                return value.as_double().value_or(0);
            }
        }
    }
    return json.double_or("lora_alpha", 8);
}

// Reads pairs and remembers which tensors they were made of.
class PairReader {
public:
    PairReader(const SafetensorsFile& file, const Json& json) : file_(file), json_(json) {}

    // An empty pair when the adapter has none for this module.
    Result<LoraPair> read(std::string_view module, const LinearShape& shape) {
        const std::string a_name = fmt::format("{}{}.lora_A.weight", kPrefix, module);
        const std::string b_name = fmt::format("{}{}.lora_B.weight", kPrefix, module);
        const Tensor* a = file_.find(a_name);
        const Tensor* b = file_.find(b_name);
        if (a == nullptr && b == nullptr) {
            return LoraPair{};
        }
        taken_.insert({a_name, b_name});
        const std::int64_t rank = a != nullptr && a->shape.size() == 2 ? a->shape[0] : 1;
        if (rank < 1 || rank > kAdapterRankMax) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("tensor '{}' has rank {}; 1 to {} can be run", a_name, rank, kAdapterRankMax)
            };
        }
        const auto a_matrix = find_matrix(a, a_name, rank, shape.in);
        if (!a_matrix) {
            return a_matrix.error();
        }
        const auto b_matrix = find_matrix(b, b_name, shape.out, rank);
        if (!b_matrix) {
            return b_matrix.error();
        }
        const auto size = static_cast<double>(rank);
        const double scale =
            alpha_of(module, json_) / (json_.bool_or("use_rslora", false) ? std::sqrt(size) : size);
        if (!std::isfinite(scale)) {
            return unsupported("lora_alpha", json_["lora_alpha"]);
        }
        return LoraPair{.a = *a_matrix, .b = *b_matrix, .scale = static_cast<float>(scale)};
    }

    Result<void> check_all_taken() const {
        for (const auto& [name, tensor] : file_.tensors()) {
            if (!taken_.contains(name)) {
                return Error{
                    ErrorCode::kInvalid,
                    fmt::format("tensor '{}' is no LoRA pair of this model's linear layers", name)
                };
            }
        }
        if (taken_.empty()) {
            return Error{ErrorCode::kInvalid, "the adapter has no tensors"};
        }
        return {};
    }

private:
    const SafetensorsFile& file_;
    const Json& json_;
    std::set<std::string> taken_;
};

Result<Json> read_settings(const std::filesystem::path& path) {
    const auto text = read_file(path, kConfigBytesMax);
    if (!text) {
        return text.error();
    }
    auto json = parse_json(*text, 32);
    if (!json) {
        return with_context(path.string(), json.error());
    }
    if (auto good = check_settings(*json); !good) {
        return with_context(path.string(), good.error());
    }
    if (auto good = check_pattern((*json)["alpha_pattern"]); !good) {
        return with_context(path.string(), good.error());
    }
    return json;
}

}  // namespace

Result<std::shared_ptr<const Adapter>> Adapter::load(
    const std::filesystem::path& directory, const ModelConfig& config
) {
    const auto json = read_settings(directory / "adapter_config.json");
    if (!json) {
        return json.error();
    }
    auto file = SafetensorsFile::open(directory / "adapter_model.safetensors");
    if (!file) {
        return file.error();
    }
    const std::string context = fmt::format("adapter '{}'", directory.string());
    PairReader reader(*file, *json);
    std::vector<LoraPair> pairs;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        for (const Projection projection : kProjections) {
            const std::string module = fmt::format("model.layers.{}.{}", layer, module_name(projection));
            const auto pair = reader.read(module, shape_of(projection, config));
            if (!pair) {
                return with_context(context, pair.error());
            }
            pairs.push_back(*pair);
        }
    }
    const auto head = reader.read("lm_head", {.out = config.vocabulary, .in = config.hidden});
    if (!head) {
        return with_context(context, head.error());
    }
    if (auto good = reader.check_all_taken(); !good) {
        return with_context(context, good.error());
    }
    return std::shared_ptr<const Adapter>(new Adapter(std::move(*file), std::move(pairs), *head));
}

const LoraPair* Adapter::find(std::int64_t layer, Projection projection) const {
    const std::size_t index =
        static_cast<std::size_t>(layer) * kProjections.size() + static_cast<std::size_t>(projection);
    return pairs_[index].a.empty() ? nullptr : &pairs_[index];
}

const LoraPair* Adapter::head() const {
    return head_.a.empty() ? nullptr : &head_;
}

}  // namespace capstan::engine
