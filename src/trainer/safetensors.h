#pragma once

// safetensors files: a length, a JSON header, and the tensors' bytes, little-endian and row-major.
// The format: https://github.com/huggingface/safetensors (README, "Format").
//
// Every length and offset of a file is checked against its size before use; what is wrong is said.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace capstan::trainer {

enum class DataType { kFloat32, kFloat16, kBFloat16, kFloat64, kInt64, kInt32, kInt16, kInt8, kUint8, kBool };

std::size_t bytes_of(DataType type);
std::string_view name_of(DataType type);  // As in the files: "F32", "BF16", ...

// A tensor inside bytes that someone else owns.
struct TensorView {
    DataType type = DataType::kFloat32;
    std::vector<std::int64_t> shape;  // Empty for a scalar.
    std::string_view bytes;
};

using TensorViews = std::map<std::string, TensorView, std::less<>>;
using TensorMetadata = std::map<std::string, std::string>;

struct SafetensorsContent {
    TensorViews tensors;
    TensorMetadata metadata;
};

// The tensors in `file`, as views into it. kInvalid, with the reason, for anything that is not exactly a
// safetensors file: unknown types, lengths that do not fit the shapes, holes and overlaps included.
Result<SafetensorsContent> parse_safetensors(std::string_view file);

// A file with its tensors; the views live as long as this object.
class SafetensorsFile {
public:
    static Result<SafetensorsFile> open(const std::filesystem::path& path);

    const TensorViews& tensors() const { return content_.tensors; }

    const TensorMetadata& metadata() const { return content_.metadata; }

private:
    SafetensorsFile(MappedFile file, SafetensorsContent content)
        : file_(std::move(file)), content_(std::move(content)) {}

    MappedFile file_;
    SafetensorsContent content_;
};

// Writes the tensors, in the order of their names, and syncs the file. Not atomic: write into a folder that
// gets its name later. Each view's length must fit its shape (CHECK). Returns the file's SHA-256 in hex.
Result<std::string> write_safetensors(
    const std::filesystem::path& path, const TensorViews& tensors, const TensorMetadata& metadata
);

}  // namespace capstan::trainer
