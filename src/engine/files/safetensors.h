#pragma once

// Reads a safetensors file (github.com/huggingface/safetensors, "Format") by mapping it: tensors are views of
// the map, nothing is copied.
//
// The file is hostile: every length, shape and offset is checked before anything is believed, and an error
// names the tensor. The one thing that is not defended against is another process that cuts the file short
// while it is mapped; that ends this process.

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "engine/files/data_type.h"
#include "engine/files/tensor.h"

namespace capstan::engine {

inline constexpr std::uint64_t kSafetensorsHeaderBytesMax = 100'000'000;

// The tensors of a whole file in memory, by name; they point into `file`. kInvalid, naming the tensor, for
// anything that the format forbids: a header over 100 MB, unknown types, repeated names, sizes that do not
// match shapes, tensors that overlap, reach outside or leave holes.
Result<std::map<std::string, Tensor, std::less<>>> parse_safetensors(std::string_view file);

class SafetensorsFile {
public:
    static Result<SafetensorsFile> open(const std::filesystem::path& path);

    // Null when there is none. Lives as long as this object, also when that is moved.
    const Tensor* find(std::string_view name) const;

    const std::map<std::string, Tensor, std::less<>>& tensors() const { return tensors_; }

private:
    SafetensorsFile(MappedFile file, std::map<std::string, Tensor, std::less<>> tensors)
        : file_(std::move(file)), tensors_(std::move(tensors)) {}

    MappedFile file_;
    std::map<std::string, Tensor, std::less<>> tensors_;
};

// A tensor to be written: its bytes are row-major and little endian.
struct TensorToWrite {
    std::string name;
    DataType type = DataType::kF32;
    std::vector<std::int64_t> shape;
    std::span<const std::byte> bytes;  // Of the size that type and shape say.
};

// A whole file, atomically. Names must differ.
Result<void> write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors);

}  // namespace capstan::engine
