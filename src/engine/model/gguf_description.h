#pragma once

// A decoder's configuration as the metadata of a GGUF file: the other way of files/gguf_config.h.

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/files/gguf_writer.h"
#include "engine/model/config.h"

namespace capstan::engine {

struct GgufDescription {
    std::string architecture;  // GGUF's "general.architecture".
    GgufMetadata metadata;     // It, and the keys under its name.
    // Divisors of rotary frequencies, which GGUF keeps as tensors.
    std::vector<std::pair<std::string, std::vector<float>>> vectors;
};

// `config` is what config.json, `json`, and the files beside it say. For every architecture that
// files/gguf_config.h reads but bert. kInvalid, naming the key of config.json, for what llama.cpp could not
// read from such a file.
Result<GgufDescription> describe_as_gguf(const ModelConfig& config, const Json& json);

}  // namespace capstan::engine
