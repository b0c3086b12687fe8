#include "trainer/base_model.h"

#include <algorithm>
#include <set>
#include <string>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "trainer/parameters.h"
#include "trainer/safetensors.h"

namespace capstan::trainer {
namespace {

constexpr std::uint64_t kConfigBytesMax = 16 << 20;

Result<Json> read_json(const std::filesystem::path& path) {
    const auto text = read_file(path, kConfigBytesMax);
    if (!text) {
        return text.error();
    }
    auto json = parse_json(*text);
    return json ? json : with_context(path.string(), json.error());
}

// One file, or the shards that the index names.
Result<std::vector<std::filesystem::path>> weight_files(const std::filesystem::path& folder) {
    const auto index = read_json(folder / "model.safetensors.index.json");
    if (!index && index.error().code == ErrorCode::kNotFound) {
        return std::vector{folder / "model.safetensors"};
    }
    if (!index) {
        return index.error();
    }
    std::set<std::string> names;
    if (const auto* entries = (*index)["weight_map"].as_object()) {
        for (const auto& [tensor, file] : *entries) {
            const auto* name = file.as_string();
            if (name == nullptr || name->find('/') != std::string::npos) {
                return Error{
                    ErrorCode::kInvalid, fmt::format("{}: the index names a file elsewhere", folder.string())
                };
            }
            names.insert(*name);
        }
    }
    std::vector<std::filesystem::path> files;
    for (const auto& name : names) {
        files.push_back(folder / name);
    }
    return files;
}

std::vector<std::int64_t> end_tokens_of(const Json& json) {
    const Json& end = json["eos_token_id"];
    std::vector<std::int64_t> tokens;
    if (const auto one = end.as_int()) {
        tokens.push_back(*one);
    } else if (const auto* several = end.as_array()) {
        for (const Json& each : *several) {
            if (const auto token = each.as_int()) {
                tokens.push_back(*token);
            }
        }
    }
    return tokens;
}

}  // namespace

Result<BaseModel> read_base_model(const std::filesystem::path& folder) {
    const auto config = read_json(folder / "config.json");
    if (!config) {
        return config.error();
    }
    const auto shape = read_model_config(*config);
    if (!shape) {
        return with_context((folder / "config.json").string(), shape.error());
    }
    const auto paths = weight_files(folder);
    if (!paths) {
        return paths.error();
    }
    std::vector<SafetensorsFile> files;
    TensorViews tensors;
    for (const auto& path : *paths) {
        auto file = SafetensorsFile::open(path);
        if (!file) {
            return file.error();
        }
        tensors.insert(file->tensors().begin(), file->tensors().end());
        files.push_back(std::move(*file));
    }
    auto values = llama_parameters(*shape).read(tensors);
    if (!values) {
        return with_context(folder.string(), values.error());
    }
    BaseModel model{*shape, std::move(*values), end_tokens_of(*config)};
    if (const auto generation = read_json(folder / "generation_config.json")) {
        const auto tokens = end_tokens_of(*generation);
        model.end_tokens = tokens.empty() ? model.end_tokens : tokens;
    }
    return model;
}

}  // namespace capstan::trainer
