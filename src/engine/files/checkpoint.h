#pragma once

// The tensors of a model under the names that Hugging Face gives them, whatever they are stored in: one file
// (model.safetensors), shards named by model.safetensors.index.json, or a GGUF file.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/files/gguf.h"
#include "engine/files/safetensors.h"

namespace capstan::engine {

// Tensor name to file name, from the text of an index. kInvalid for a file that is not beside the index.
Result<std::map<std::string, std::string>> parse_shard_index(std::string_view text);

// The GGUF file that `path` stands for: itself, when its name ends in .gguf, or the only such file (or first
// piece of one) of a directory that has no safetensors.
std::optional<std::filesystem::path> find_gguf(const std::filesystem::path& path);

class Checkpoint {
public:
    // Weights with scales beside them are restored (scaled_tensors.h). A directory, in which
    // model.safetensors is taken when it is there, else the shards of the index, else its only GGUF file; or
    // a GGUF file. kNotFound when there is none of them; kInvalid, naming file and tensor, when shards and
    // index disagree.
    static Result<Checkpoint> open(const std::filesystem::path& path);

    const Tensor* find(std::string_view name) const;  // Null when there is none.

    std::vector<std::string> names() const;

    // Null when the tensors are of safetensors.
    const GgufFile* gguf() const { return gguf_ ? &*gguf_ : nullptr; }

private:
    using TensorsByName = std::map<std::string, const Tensor*, std::less<>>;

    Checkpoint(std::vector<SafetensorsFile> files, TensorsByName tensors)
        : files_(std::move(files)), tensors_(std::move(tensors)) {}

    Checkpoint(GgufFile gguf, std::map<std::string, Tensor, std::less<>> renamed);

    // Puts weights that have scales beside them in place of what is stored.
    Result<void> restore_scaled();

    static Result<Checkpoint> open_gguf(const std::filesystem::path& path);
    static Result<Checkpoint> open_shards(
        const std::filesystem::path& directory, const std::filesystem::path& index
    );

    std::vector<SafetensorsFile> files_;
    std::optional<GgufFile> gguf_;
    std::map<std::string, Tensor, std::less<>> made_;  // Renamed ones of the GGUF file; restored ones.
    std::vector<std::vector<std::byte>> memory_;       // Of restored ones.
    TensorsByName tensors_;                            // Into the files, or into `made_`.
};

}  // namespace capstan::engine
