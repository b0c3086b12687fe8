#pragma once

// Whether two descriptions are of models that compute the same.

#include <optional>
#include <string_view>

#include "engine/model/config.h"

namespace capstan::engine {

// The key of config.json (Llama's, where families differ) that the first difference comes from; nothing when
// they compute the same, up to the rounding of settings to float. What ends an answer, and names, may differ.
std::optional<std::string_view> config_difference(const ModelConfig& one, const ModelConfig& other);

}  // namespace capstan::engine
