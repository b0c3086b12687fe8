#pragma once

// The tensors of a model directory, whether they are in one file (model.safetensors) or in shards named by
// model.safetensors.index.json.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/files/safetensors.h"

namespace capstan::engine {

// Tensor name to file name, from the text of an index. kInvalid for a file that is not beside the index.
Result<std::map<std::string, std::string>> parse_shard_index(std::string_view text);

class Checkpoint {
public:
    // model.safetensors when it is there, else the shards of the index. kNotFound when there is neither;
    // kInvalid, naming file and tensor, when shards and index disagree.
    static Result<Checkpoint> open(const std::filesystem::path& directory);

    const Tensor* find(std::string_view name) const;  // Null when there is none.

    std::vector<std::string> names() const;

private:
    Checkpoint(std::vector<SafetensorsFile> files, std::map<std::string, const Tensor*, std::less<>> tensors)
        : files_(std::move(files)), tensors_(std::move(tensors)) {}

    std::vector<SafetensorsFile> files_;
    std::map<std::string, const Tensor*, std::less<>> tensors_;  // Into files_.
};

}  // namespace capstan::engine
