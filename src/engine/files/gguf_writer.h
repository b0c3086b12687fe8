#pragma once

// Writes GGUF files (version 3) as a stream: the head is held in memory, the tensors never are.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "engine/files/gguf.h"

namespace capstan::engine {

// The keys of a file to be written, in the order of adding. Keys must differ.
class GgufMetadata {
public:
    void add(std::string_view key, std::uint32_t value);
    void add(std::string_view key, std::uint64_t value);
    void add(std::string_view key, float value);
    void add(std::string_view key, bool value);
    void add(std::string_view key, std::string_view value);
    void add(std::string_view key, std::span<const std::string> values);
    void add(std::string_view key, std::span<const float> values);
    void add(std::string_view key, std::span<const std::int32_t> values);

    void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }

    // As another file has it, to the byte.
    void copy(std::string_view key, const GgufValue& value);

    std::uint64_t keys() const { return keys_; }

    std::string_view bytes() const { return bytes_; }

    // A whole GGUF file of nothing else.
    std::string as_file() const;

private:
    void begin(std::string_view key, GgufType type);
    void begin_array(std::string_view key, GgufType element_type, std::uint64_t elements);

    std::string bytes_;
    std::uint64_t keys_ = 0;
};

// What will be written; the shape is row-major.
struct GgufTensorPlan {
    std::string name;
    DataType type = DataType::kF32;  // One that GGUF has.
    std::vector<std::int64_t> shape;

    std::int64_t elements() const;
};

class GgufWriter {
public:
    // The file appears at `path` when `finish` succeeds, and not before; without it, nothing is left.
    static Result<GgufWriter> open(
        const std::filesystem::path& path,
        const GgufMetadata& metadata,
        std::span<const GgufTensorPlan> tensors
    );
    ~GgufWriter();
    GgufWriter(GgufWriter&& other) noexcept;
    GgufWriter& operator=(GgufWriter&&) = delete;

    // The next bytes of the tensors, in the order of the plan, in pieces of any size.
    Result<void> write(std::span<const std::byte> bytes);

    Result<void> finish();  // All bytes of all tensors have been written.

private:
    GgufWriter(FileDescriptor file, std::filesystem::path path, std::vector<std::int64_t> sizes);

    Result<void> flush();
    void end_tensor();  // Pads to where the next one begins.

    FileDescriptor file_;
    std::filesystem::path path_;
    std::filesystem::path temporary_;
    std::vector<std::int64_t> sizes_;  // Bytes of each tensor.
    std::size_t tensor_ = 0;           // That is being written.
    std::int64_t written_ = 0;         // Of that tensor.
    std::string buffer_;
};

}  // namespace capstan::engine
