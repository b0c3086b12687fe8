#include "engine/files/gguf_writer.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/check.h"
#include "base/id.h"

namespace capstan::engine {
namespace {

constexpr std::size_t kAlignment = 32;
constexpr std::size_t kBufferBytes = std::size_t{4} << 20;

template <typename T>
void append(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_string(std::string& out, std::string_view text) {
    append(out, std::uint64_t{text.size()});
    out.append(text);
}

std::size_t aligned(std::size_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Everything before the data, padded to it.
std::string head_of(
    const GgufMetadata& metadata, std::span<const GgufTensorPlan> tensors, std::span<const std::int64_t> sizes
) {
    std::string head = "GGUF";
    append(head, std::uint32_t{3});
    append(head, std::uint64_t{tensors.size()});
    append(head, metadata.keys());
    head += metadata.bytes();
    std::uint64_t offset = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const GgufTensorPlan& tensor = tensors[i];
        append_string(head, tensor.name);
        append(head, static_cast<std::uint32_t>(tensor.shape.size()));
        for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) {
            append(head, static_cast<std::uint64_t>(*size));
        }
        const auto number = gguf_number_of(tensor.type);
        CHECK(number.has_value(), "GGUF must have the tensor's type");
        append(head, *number);
        append(head, offset);
        offset += aligned(static_cast<std::size_t>(sizes[i]));
    }
    head.resize(aligned(head.size()), '\0');
    return head;
}

}  // namespace

void GgufMetadata::begin(std::string_view key, GgufType type) {
    append_string(bytes_, key);
    append(bytes_, static_cast<std::uint32_t>(type));
    ++keys_;
}

void GgufMetadata::begin_array(std::string_view key, GgufType element_type, std::uint64_t elements) {
    begin(key, GgufType::kArray);
    append(bytes_, static_cast<std::uint32_t>(element_type));
    append(bytes_, elements);
}

void GgufMetadata::add(std::string_view key, std::uint32_t value) {
    begin(key, GgufType::kU32);
    append(bytes_, value);
}

void GgufMetadata::add(std::string_view key, std::uint64_t value) {
    begin(key, GgufType::kU64);
    append(bytes_, value);
}

void GgufMetadata::add(std::string_view key, float value) {
    begin(key, GgufType::kF32);
    append(bytes_, value);
}

void GgufMetadata::add(std::string_view key, bool value) {
    begin(key, GgufType::kBool);
    append(bytes_, std::uint8_t{value});
}

void GgufMetadata::add(std::string_view key, std::string_view value) {
    begin(key, GgufType::kString);
    append_string(bytes_, value);
}

void GgufMetadata::add(std::string_view key, std::span<const std::string> values) {
    begin_array(key, GgufType::kString, values.size());
    for (const std::string& value : values) {
        append_string(bytes_, value);
    }
}

void GgufMetadata::add(std::string_view key, std::span<const float> values) {
    begin_array(key, GgufType::kF32, values.size());
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

void GgufMetadata::add(std::string_view key, std::span<const std::int32_t> values) {
    begin_array(key, GgufType::kI32, values.size());
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

void GgufMetadata::copy(std::string_view key, const GgufValue& value) {
    if (value.type == GgufType::kArray) {
        begin_array(key, value.element_type, value.elements);
        bytes_ += value.bytes;
    } else if (value.type == GgufType::kString) {
        add(key, value.bytes);
    } else {
        begin(key, value.type);
        bytes_ += value.bytes;
    }
}

std::string GgufMetadata::as_file() const {
    return head_of(*this, {}, {});
}

std::int64_t GgufTensorPlan::elements() const {
    std::int64_t elements = 1;
    for (const std::int64_t size : shape) {
        elements *= size;
    }
    return elements;
}

GgufWriter::GgufWriter(FileDescriptor file, std::filesystem::path path, std::vector<std::int64_t> sizes)
    : file_(std::move(file)), path_(std::move(path)), sizes_(std::move(sizes)) {}

GgufWriter::GgufWriter(GgufWriter&& other) noexcept
    : file_(std::move(other.file_)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      sizes_(std::move(other.sizes_)),
      tensor_(other.tensor_),
      written_(other.written_),
      buffer_(std::move(other.buffer_)) {}

GgufWriter::~GgufWriter() {
    if (!temporary_.empty()) {
        std::error_code ignored;
        std::filesystem::remove(temporary_, ignored);
    }
}

Result<GgufWriter> GgufWriter::open(
    const std::filesystem::path& path, const GgufMetadata& metadata, std::span<const GgufTensorPlan> tensors
) {
    std::vector<std::int64_t> sizes;
    for (const GgufTensorPlan& tensor : tensors) {
        const std::int64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
        if (row % block_of(tensor.type).elements != 0) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format(
                    "tensor '{}': rows of {} are no whole blocks of {}",
                    tensor.name,
                    row,
                    name_of(tensor.type)
                )
            };
        }
        sizes.push_back(bytes_of(tensor.type, tensor.elements()));
    }
    std::filesystem::path temporary = path;
    temporary += "." + new_id() + ".part";
    auto file = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (!file) {
        return file.error();
    }
    std::string head = head_of(metadata, tensors, sizes);
    GgufWriter writer(std::move(*file), path, std::move(sizes));
    writer.temporary_ = std::move(temporary);
    if (auto good = write_all(writer.file_.get(), head, writer.temporary_); !good) {
        return good.error();
    }
    return writer;
}

Result<void> GgufWriter::flush() {
    auto good = write_all(file_.get(), buffer_, temporary_);
    buffer_.clear();
    return good;
}

void GgufWriter::end_tensor() {
    const auto size = static_cast<std::size_t>(sizes_[tensor_]);
    buffer_.append(aligned(size) - size, '\0');
    ++tensor_;
    written_ = 0;
}

Result<void> GgufWriter::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        CHECK(tensor_ < sizes_.size(), "no more bytes than the plan has");
        const auto left = static_cast<std::size_t>(sizes_[tensor_] - written_);
        const auto part = bytes.first(std::min({left, bytes.size(), kBufferBytes}));
        buffer_.append(reinterpret_cast<const char*>(part.data()), part.size());
        written_ += static_cast<std::int64_t>(part.size());
        bytes = bytes.subspan(part.size());
        if (written_ == sizes_[tensor_]) {
            end_tensor();
        }
        if (buffer_.size() >= kBufferBytes) {
            if (auto good = flush(); !good) {
                return good;
            }
        }
    }
    return {};
}

Result<void> GgufWriter::finish() {
    CHECK(tensor_ == sizes_.size(), "every tensor must have been written");
    if (auto good = flush(); !good) {
        return good;
    }
    if (auto good = sync_file(file_.get(), temporary_); !good) {
        return good;
    }
    std::error_code failed;
    std::filesystem::rename(temporary_, path_, failed);
    if (failed) {
        return Error{
            ErrorCode::kUnavailable,
            fmt::format("'{}' cannot be moved to its place: {}", path_.string(), failed.message())
        };
    }
    temporary_.clear();
    return sync_folder(path_.has_parent_path() ? path_.parent_path() : ".");
}

}  // namespace capstan::engine
