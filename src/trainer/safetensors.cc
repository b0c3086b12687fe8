#include "trainer/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"

namespace capstan::trainer {
namespace {

constexpr std::uint64_t kHeaderBytesMax = 100'000'000;  // The limit of Hugging Face's own reader.
constexpr std::size_t kDimensionsMax = 16;
constexpr std::size_t kAlignment = 8;

struct TypeName {
    DataType type;
    std::string_view name;
    std::size_t bytes;
};

constexpr std::array<TypeName, 10> kTypes{{
    {DataType::kFloat32, "F32", 4},
    {DataType::kFloat16, "F16", 2},
    {DataType::kBFloat16, "BF16", 2},
    {DataType::kFloat64, "F64", 8},
    {DataType::kInt64, "I64", 8},
    {DataType::kInt32, "I32", 4},
    {DataType::kInt16, "I16", 2},
    {DataType::kInt8, "I8", 1},
    {DataType::kUint8, "U8", 1},
    {DataType::kBool, "BOOL", 1},
}};

const TypeName& entry_of(DataType type) {
    return *std::ranges::find(kTypes, type, &TypeName::type);
}

Error broken(std::string_view why) {
    return {ErrorCode::kInvalid, fmt::format("not a safetensors file: {}", why)};
}

Error broken(std::string_view tensor, std::string_view why) {
    return broken(fmt::format("tensor '{}': {}", tensor, why));
}

// Bytes of a tensor of this type and shape, or nothing when that is over 2^63.
std::optional<std::uint64_t> bytes_needed(DataType type, const std::vector<std::int64_t>& shape) {
    std::uint64_t bytes = bytes_of(type);
    for (const std::int64_t size : shape) {
        if (size < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes)) {
            return std::nullopt;
        }
    }
    return bytes <= std::uint64_t{INT64_MAX} ? std::optional(bytes) : std::nullopt;
}

Result<std::vector<std::int64_t>> read_integers(const Json& json) {
    const auto* items = json.as_array();
    if (items == nullptr || items->size() > kDimensionsMax) {
        return Error{ErrorCode::kInvalid, fmt::format("is no list of at most {} sizes", kDimensionsMax)};
    }
    std::vector<std::int64_t> integers;
    for (const Json& item : *items) {
        const auto integer = item.as_int();
        if (!integer || *integer < 0) {
            return Error{ErrorCode::kInvalid, "has an entry that is no size"};
        }
        integers.push_back(*integer);
    }
    return integers;
}

Result<TensorView> read_tensor(const Json& entry, std::string_view data) {
    const auto name = entry.string_or("dtype", "");
    const auto* type = std::ranges::find(kTypes, name, &TypeName::name);
    if (type == kTypes.end()) {
        return Error{ErrorCode::kInvalid, fmt::format("dtype '{}' is not supported", name)};
    }
    auto shape = read_integers(entry["shape"]);
    if (!shape) {
        return with_context("shape", shape.error());
    }
    const auto offsets = read_integers(entry["data_offsets"]);
    if (!offsets) {
        return with_context("data_offsets", offsets.error());
    }
    if (offsets->size() != 2 || (*offsets)[0] > (*offsets)[1] ||
        static_cast<std::uint64_t>((*offsets)[1]) > data.size()) {
        return Error{ErrorCode::kInvalid, "data_offsets are outside the file"};
    }
    const auto begin = static_cast<std::size_t>((*offsets)[0]);
    const auto end = static_cast<std::size_t>((*offsets)[1]);
    if (bytes_needed(type->type, *shape) != end - begin) {
        return Error{ErrorCode::kInvalid, fmt::format("{} bytes do not fit its shape", end - begin)};
    }
    return TensorView{type->type, std::move(*shape), data.substr(begin, end - begin)};
}

Result<void> read_metadata(const Json& json, TensorMetadata& metadata) {
    const auto* members = json.as_object();
    if (members == nullptr) {
        return broken("__metadata__ is no object");
    }
    for (const auto& [name, value] : *members) {
        if (value.as_string() == nullptr) {
            return broken(fmt::format("__metadata__ '{}' is no string", name));
        }
        metadata[name] = *value.as_string();
    }
    return {};
}

// The tensors must lie one behind the other and fill the data.
Result<void> check_coverage(const TensorViews& tensors, std::string_view data) {
    std::vector<std::pair<std::size_t, std::size_t>> ranges;
    for (const auto& [name, tensor] : tensors) {
        const auto begin = static_cast<std::size_t>(tensor.bytes.data() - data.data());
        ranges.emplace_back(begin, begin + tensor.bytes.size());
    }
    std::ranges::sort(ranges);
    std::size_t covered = 0;
    for (const auto& [begin, end] : ranges) {
        if (begin != covered) {
            return broken(fmt::format("a hole or an overlap at byte {} of the data", std::min(begin, covered))
            );
        }
        covered = end;
    }
    if (covered != data.size()) {
        return broken(fmt::format("{} bytes at the end belong to no tensor", data.size() - covered));
    }
    return {};
}

std::string header_of(const TensorViews& tensors, const TensorMetadata& metadata) {
    Json header = Json::object();
    if (!metadata.empty()) {
        Json members = Json::object();
        for (const auto& [name, value] : metadata) {
            members.set(name, value);
        }
        header.set("__metadata__", std::move(members));
    }
    std::uint64_t offset = 0;
    for (const auto& [name, tensor] : tensors) {
        CHECK(bytes_needed(tensor.type, tensor.shape) == tensor.bytes.size(), "the bytes fit the shape");
        const std::uint64_t end = offset + tensor.bytes.size();
        header.set(
            name,
            Json::object(
                {{"dtype", name_of(tensor.type)},
                 {"shape", Json::array_of(tensor.shape)},
                 {"data_offsets", Json::array({offset, end})}}
            )
        );
        offset = end;
    }
    std::string text = header.dump();
    text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
    return text;
}

}  // namespace

std::size_t bytes_of(DataType type) {
    return entry_of(type).bytes;
}

std::string_view name_of(DataType type) {
    return entry_of(type).name;
}

Result<SafetensorsContent> parse_safetensors(std::string_view file) {
    std::uint64_t header_bytes = 0;
    if (file.size() < sizeof(header_bytes)) {
        return broken("it is shorter than 8 bytes");
    }
    std::memcpy(&header_bytes, file.data(), sizeof(header_bytes));
    file.remove_prefix(sizeof(header_bytes));
    if (header_bytes > kHeaderBytesMax || header_bytes > file.size()) {
        return broken(fmt::format("a header of {} bytes is over the limit or the file", header_bytes));
    }
    const std::string_view header_text = file.substr(0, header_bytes);
    const std::string_view data = file.substr(header_bytes);
    const auto header = parse_json(header_text, 8);
    if (!header) {
        return with_context("not a safetensors file: header", header.error());
    }
    if (!header->is_object() || !header_text.starts_with('{')) {
        return broken("the header is no JSON object");
    }
    SafetensorsContent content;
    for (const auto& [name, entry] : *header->as_object()) {
        if (name == "__metadata__") {
            if (auto read = read_metadata(entry, content.metadata); !read) {
                return read.error();
            }
            continue;
        }
        auto tensor = read_tensor(entry, data);
        if (!tensor) {
            return broken(name, tensor.error().message);
        }
        content.tensors.emplace(name, std::move(*tensor));
    }
    if (auto covered = check_coverage(content.tensors, data); !covered) {
        return covered.error();
    }
    return content;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
    auto file = MappedFile::open(path);
    if (!file) {
        return file.error();
    }
    auto content = parse_safetensors(file->bytes());
    if (!content) {
        return with_context(path.string(), content.error());
    }
    return SafetensorsFile(std::move(*file), std::move(*content));
}

Result<std::string> write_safetensors(
    const std::filesystem::path& path, const TensorViews& tensors, const TensorMetadata& metadata
) {
    auto fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (!fd) {
        return fd.error();
    }
    Sha256 hash;
    const auto append = [&](std::string_view bytes) {
        hash.update(bytes);
        return write_all(fd->get(), bytes, path);
    };
    const std::string header = header_of(tensors, metadata);
    const std::uint64_t header_bytes = header.size();
    const std::string_view prefix(reinterpret_cast<const char*>(&header_bytes), sizeof(header_bytes));
    for (const auto part : {prefix, std::string_view(header)}) {
        if (auto written = append(part); !written) {
            return written.error();
        }
    }
    for (const auto& [name, tensor] : tensors) {
        if (auto written = append(tensor.bytes); !written) {
            return written.error();
        }
    }
    if (auto synced = sync_file(fd->get(), path); !synced) {
        return synced.error();
    }
    return to_hex(hash.finish());
}

}  // namespace capstan::trainer
