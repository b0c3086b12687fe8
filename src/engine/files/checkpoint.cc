#include "engine/files/checkpoint.h"

#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "engine/files/gguf_names.h"
#include "engine/files/gguf_split.h"
#include "engine/files/scaled_tensors.h"

namespace capstan::engine {
namespace {

constexpr std::uint64_t kIndexBytesMax = 100'000'000;
constexpr std::size_t kShardsMax = 10'000;

std::map<std::string, const Tensor*, std::less<>> pointers_to(
    const std::map<std::string, Tensor, std::less<>>& all
) {
    std::map<std::string, const Tensor*, std::less<>> tensors;
    for (const auto& [name, tensor] : all) {
        tensors.emplace(name, &tensor);
    }
    return tensors;
}

}  // namespace

Result<std::map<std::string, std::string>> parse_shard_index(std::string_view text) {
    const auto json = parse_json(text, 8);
    if (!json) {
        return json.error();
    }
    const Json::Object* weight_map = (*json)["weight_map"].as_object();
    if (weight_map == nullptr) {
        return Error{ErrorCode::kInvalid, "'weight_map' must be an object"};
    }
    std::map<std::string, std::string> files;
    for (const auto& [tensor, file] : *weight_map) {
        const std::string* name = file.as_string();
        // A shard lies beside its index: a name with a folder in it could reach anything on this machine.
        if (name == nullptr || name->empty() || name->find('/') != std::string::npos ||
            name->find('\0') != std::string::npos || *name == "." || *name == "..") {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("tensor '{}' must be in a file beside the index, not {}", tensor, file.dump())
            };
        }
        files.emplace(tensor, *name);
    }
    return files;
}

std::optional<std::filesystem::path> find_gguf(const std::filesystem::path& path) {
    if (path.extension() == ".gguf") {
        return path;
    }
    std::error_code ignored;
    if (std::filesystem::exists(path / "model.safetensors", ignored) ||
        std::filesystem::exists(path / "model.safetensors.index.json", ignored)) {
        return std::nullopt;
    }
    std::optional<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) {
        const auto piece = parse_piece_name(entry.path().filename().string());
        if (entry.path().extension() == ".gguf" && (!piece || piece->number == 1)) {
            if (found) {
                return std::nullopt;
            }
            found = entry.path();
        }
    }
    return found;
}

// The pointers are into nodes of a map, which stay where they are when it is moved.
Checkpoint::Checkpoint(GgufFile gguf, std::map<std::string, Tensor, std::less<>> renamed)
    : gguf_(std::move(gguf)), made_(std::move(renamed)), tensors_(pointers_to(made_)) {}

Result<Checkpoint> Checkpoint::open_gguf(const std::filesystem::path& path) {
    auto file = GgufFile::open(path);
    if (!file) {
        return file.error();
    }
    auto tensors = hugging_face_tensors(*file);
    if (!tensors) {
        return with_context(fmt::format("GGUF file '{}'", path.string()), tensors.error());
    }
    return Checkpoint(std::move(*file), std::move(*tensors));
}

Result<Checkpoint> Checkpoint::open(const std::filesystem::path& path) {
    if (const auto gguf = find_gguf(path)) {
        return open_gguf(*gguf);
    }
    const std::filesystem::path single = path / "model.safetensors";
    const std::filesystem::path index = path / "model.safetensors.index.json";
    std::error_code ignored;
    if (std::filesystem::exists(single, ignored)) {
        auto file = SafetensorsFile::open(single);
        if (!file) {
            return file.error();
        }
        std::vector<SafetensorsFile> files;
        files.push_back(std::move(*file));
        auto tensors = pointers_to(files.front().tensors());
        Checkpoint checkpoint(std::move(files), std::move(tensors));
        if (auto good = checkpoint.restore_scaled(); !good) {
            return with_context(fmt::format("safetensors file '{}'", single.string()), good.error());
        }
        return checkpoint;
    }
    if (!std::filesystem::exists(index, ignored)) {
        return Error{
            ErrorCode::kNotFound,
            fmt::format(
                "'{}' has neither model.safetensors nor model.safetensors.index.json nor one GGUF file",
                path.string()
            )
        };
    }
    return open_shards(path, index);
}

Result<Checkpoint> Checkpoint::open_shards(
    const std::filesystem::path& directory, const std::filesystem::path& index
) {
    std::vector<SafetensorsFile> files;
    const auto text = read_file(index, kIndexBytesMax);
    if (!text) {
        return text.error();
    }
    const auto map = parse_shard_index(*text);
    if (!map) {
        return with_context(fmt::format("index '{}'", index.string()), map.error());
    }
    std::map<std::string, std::size_t> position_of;
    for (const auto& [tensor, name] : *map) {
        if (position_of.contains(name)) {
            continue;
        }
        if (files.size() == kShardsMax) {
            return Error{ErrorCode::kTooLarge, fmt::format("more than {} shards", kShardsMax)};
        }
        auto file = SafetensorsFile::open(directory / name);
        if (!file) {
            return file.error();
        }
        position_of.emplace(name, files.size());
        files.push_back(std::move(*file));
    }
    TensorsByName tensors;
    for (const auto& [name, file] : *map) {
        const Tensor* tensor = files[position_of[file]].find(name);
        if (tensor == nullptr) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("tensor '{}' is not in '{}', where the index says it is", name, file)
            };
        }
        tensors.emplace(name, tensor);
    }
    Checkpoint checkpoint(std::move(files), std::move(tensors));
    if (auto good = checkpoint.restore_scaled(); !good) {
        return with_context(fmt::format("index '{}'", index.string()), good.error());
    }
    return checkpoint;
}

Result<void> Checkpoint::restore_scaled() {
    auto restored = restore_scaled_tensors(tensors_);
    if (!restored) {
        return restored.error();
    }
    for (const std::string& name : restored->consumed) {
        tensors_.erase(name);
    }
    memory_ = std::move(restored->memory);
    made_ = std::move(restored->tensors);
    for (const auto& [name, tensor] : made_) {
        tensors_.insert_or_assign(name, &tensor);
    }
    return {};
}

const Tensor* Checkpoint::find(std::string_view name) const {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? nullptr : found->second;
}

std::vector<std::string> Checkpoint::names() const {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors_) {
        names.push_back(name);
    }
    return names;
}

}  // namespace capstan::engine
