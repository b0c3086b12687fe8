#include "engine/model/adapter_config.h"

#include <cmath>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"

namespace capstan::engine {
namespace {

constexpr std::uint64_t kFileBytesMax = 4'000'000;

Error unsupported(std::string_view key, const Json& value) {
    return Error{
        ErrorCode::kInvalid,
        fmt::format("'{}' is {}, which cannot be run: only plain LoRA can", key, value.dump().substr(0, 80))
    };
}

// Absent, null, false, "none" and empty containers ask for nothing.
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

Result<void> check_features(const Json& json) {
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

bool is_plain_path(std::string_view text) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    return text.find_first_not_of(kPlain) == std::string_view::npos;
}

bool is_alpha(const Json& value) {
    const auto number = value.as_double();
    return number && std::abs(*number) <= 1e6;
}

// PEFT matches the keys of alpha_pattern as regular expressions at the end of a module's path; only plain
// paths are taken here, which is what PEFT's own documentation shows.
Result<std::vector<std::pair<std::string, double>>> read_pattern(const Json& patterns) {
    std::vector<std::pair<std::string, double>> pattern;
    if (is_off(patterns)) {
        return pattern;
    }
    if (!patterns.is_object()) {
        return unsupported("alpha_pattern", patterns);
    }
    for (const auto& [key, value] : *patterns.as_object()) {
        if (!is_plain_path(key) || !is_alpha(value)) {
            return unsupported("alpha_pattern", patterns);
        }
        pattern.emplace_back(key, *value.as_double());
    }
    return pattern;
}

}  // namespace

double AdapterSettings::scale_of(std::string_view module, std::int64_t rank) const {
    double chosen = alpha;
    for (const auto& [end, value] : alpha_pattern) {
        if (module == end || module.ends_with("." + end)) {
            chosen = value;
            break;
        }
    }
    const auto size = static_cast<double>(rank);
    return chosen / (use_rslora ? std::sqrt(size) : size);
}

Result<AdapterSettings> parse_adapter_settings(std::string_view json) {
    const auto parsed = parse_json(json, 32);
    if (!parsed) {
        return parsed.error();
    }
    if (auto good = check_features(*parsed); !good) {
        return good.error();
    }
    const Json& alpha = (*parsed)["lora_alpha"];
    if (!alpha.is_null() && !is_alpha(alpha)) {
        return unsupported("lora_alpha", alpha);
    }
    auto pattern = read_pattern((*parsed)["alpha_pattern"]);
    if (!pattern) {
        return pattern.error();
    }
    return AdapterSettings{
        .alpha = alpha.as_double().value_or(8),
        .use_rslora = parsed->bool_or("use_rslora", false),
        .alpha_pattern = std::move(*pattern),
    };
}

Result<AdapterSettings> read_adapter_settings(const std::filesystem::path& file) {
    const auto text = read_file(file, kFileBytesMax);
    if (!text) {
        return text.error();
    }
    auto settings = parse_adapter_settings(*text);
    if (!settings) {
        return with_context(fmt::format("'{}'", file.string()), settings.error());
    }
    return settings;
}

}  // namespace capstan::engine
