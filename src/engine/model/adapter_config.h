#pragma once

// adapter_config.json of a PEFT LoRA adapter: how much it weighs, and whether it is plain LoRA at all.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace capstan::engine {

struct AdapterSettings {
    double alpha = 8;
    bool use_rslora = false;
    std::vector<std::pair<std::string, double>>
        alpha_pattern;  // Ends of module paths; the first match counts.

    // alpha / rank, or alpha / √rank with use_rslora. `module` as in "model.layers.0.mlp.up_proj".
    double scale_of(std::string_view module, std::int64_t rank) const;
};

// kInvalid, naming the setting, for what changes the result in a way that is not supported (DoRA, replicated
// layers, trained biases or whole modules, …). Unknown settings are ignored, as PEFT itself adds some with
// each release.
Result<AdapterSettings> parse_adapter_settings(std::string_view json);
Result<AdapterSettings> read_adapter_settings(const std::filesystem::path& file);

}  // namespace capstan::engine
