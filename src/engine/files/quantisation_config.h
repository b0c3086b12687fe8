#pragma once

// Which quantised checkpoints can be read, by what their config.json says.

#include <optional>
#include <string>

#include "base/json.h"

namespace capstan::engine {

// Why a config.json's "quantization_config" names what is not read here; nothing when it is read.
std::optional<std::string> quantisation_refusal(const Json& quantization_config);

}  // namespace capstan::engine
