#pragma once

// Reads a GGUF file (ggml's docs/gguf.md), versions 2 and 3, by mapping it: metadata and tensors are views of
// the map, nothing is copied.
//
// The file is hostile: every count, length, shape and offset is checked against what the file can hold before
// anything is believed, and an error names the key or the tensor. As with safetensors, another process that
// cuts the file short while it is mapped ends this process.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "engine/files/tensor.h"

namespace capstan::engine {

inline constexpr std::uint64_t kGgufKeysMax = 65'536;
inline constexpr std::uint64_t kGgufTensorsMax = 1'000'000;
inline constexpr std::uint64_t kGgufElementsMax = 16'777'216;  // Of one array: the tokens of a vocabulary.
inline constexpr int kGgufDepthMax = 4;                        // Of arrays in arrays.
inline constexpr std::uint64_t kGgufNameBytesMax = 1'024;
inline constexpr std::uint64_t kGgufAlignmentMax = 65'536;

// The format's numbers.
enum class GgufType : std::uint32_t {
    kU8 = 0,
    kI8 = 1,
    kU16 = 2,
    kI16 = 3,
    kU32 = 4,
    kI32 = 5,
    kF32 = 6,
    kBool = 7,
    kString = 8,
    kArray = 9,
    kU64 = 10,
    kI64 = 11,
    kF64 = 12,
};

// The number of a tensor's type in GGUF, and back; nothing for types that the other side does not have.
std::optional<std::uint32_t> gguf_number_of(DataType type);
std::optional<DataType> data_type_of_gguf(std::uint32_t number);

// A checked value, still as the file has it. Accessors give nothing when the value is of another kind.
struct GgufValue {
    GgufType type = GgufType::kU8;
    GgufType element_type = GgufType::kU8;  // Of an array.
    std::uint64_t elements = 1;             // Of an array.
    std::string_view bytes;                 // Of the value, or of the array's elements one behind another.

    std::optional<std::int64_t> as_int() const;  // Any integer that fits.
    std::optional<double> as_double() const;     // Any number.
    std::optional<bool> as_bool() const;
    std::optional<std::string_view> as_string() const;  // Any bytes; not always UTF-8.

    // Arrays of one kind. Cost: linear.
    std::optional<std::vector<std::string_view>> as_strings() const;
    std::optional<std::vector<std::int64_t>> as_ints() const;
    std::optional<std::vector<double>> as_doubles() const;
};

struct GgufContent {
    std::uint32_t version = 3;
    std::map<std::string, GgufValue, std::less<>> metadata;
    // Shapes are row-major, as in safetensors: the reverse of what the file writes.
    std::map<std::string, Tensor, std::less<>> tensors;
};

// The content of a whole file in memory; its views point into `file`. kInvalid, naming key or tensor, for
// anything that the format forbids, for types that cannot be read, and over the limits above.
Result<GgufContent> parse_gguf(std::string_view file);

class GgufFile {
public:
    // Of a model in several files (gguf_split.h) the first, beside which the others lie.
    static Result<GgufFile> open(const std::filesystem::path& path);

    // Of a whole file in memory, which outlives this.
    static Result<GgufFile> view(std::string_view bytes);

    // What may be no file at all; its views outlive this.
    static GgufFile of(GgufContent content) { return {{}, std::move(content)}; }

    // Null when there is none. These live as long as this object, also when that is moved.
    const GgufValue* find(std::string_view key) const;
    const Tensor* find_tensor(std::string_view name) const;

    const std::map<std::string, GgufValue, std::less<>>& metadata() const { return content_.metadata; }

    const std::map<std::string, Tensor, std::less<>>& tensors() const { return content_.tensors; }

    // Values, with a default where the key is absent or of another kind.
    std::int64_t int_or(std::string_view key, std::int64_t otherwise) const;
    double double_or(std::string_view key, double otherwise) const;
    bool bool_or(std::string_view key, bool otherwise) const;
    std::string string_or(std::string_view key, std::string_view otherwise) const;

private:
    GgufFile(std::vector<MappedFile> files, GgufContent content)
        : files_(std::move(files)), content_(std::move(content)) {}

    static Result<GgufFile> open_pieces(
        const std::filesystem::path& path, MappedFile first, GgufContent content, std::int64_t count
    );

    std::vector<MappedFile> files_;
    GgufContent content_;
};

}  // namespace capstan::engine
