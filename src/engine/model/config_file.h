#pragma once

// The JSON files of a model directory.

#include <filesystem>

#include "base/json.h"
#include "base/result.h"

namespace capstan::engine {

// kInvalid or kNotFound, naming the file.
Result<Json> read_json_file(const std::filesystem::path& path);

// config.json of a directory, or the metadata of a GGUF file as one.
Result<Json> read_config_json(const std::filesystem::path& path);

}  // namespace capstan::engine
