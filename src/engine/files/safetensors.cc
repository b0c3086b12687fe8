#include "engine/files/safetensors.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.h"
#include "base/json.h"

namespace capstan::engine {
namespace {

constexpr std::size_t kLengthBytes = 8;

Error invalid(std::string_view tensor, std::string_view why) {
    return Error{ErrorCode::kInvalid, fmt::format("tensor '{}': {}", tensor.substr(0, 200), why)};
}

std::uint64_t read_length(std::string_view file) {
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) {
        length |= std::uint64_t{static_cast<unsigned char>(file[i])} << (8 * i);
    }
    return length;
}

Result<std::vector<std::int64_t>> parse_shape(std::string_view name, const Json& json) {
    const Json::Array* dimensions = json.as_array();
    if (dimensions == nullptr || dimensions->size() > kTensorRankMax) {
        return invalid(
            name, fmt::format("'shape' must be an array of at most {} dimensions", kTensorRankMax)
        );
    }
    std::vector<std::int64_t> shape;
    for (const Json& dimension : *dimensions) {
        const auto value = dimension.as_int();
        if (!value || *value < 0) {
            return invalid(name, fmt::format("'shape' has {}, which is no size", dimension.dump()));
        }
        shape.push_back(*value);
    }
    return shape;
}

// Bytes of a tensor, or an error when they do not fit 63 bits.
Result<std::int64_t> size_of(std::string_view name, DataType type, std::span<const std::int64_t> shape) {
    std::int64_t bytes = bytes_of(type);
    for (const std::int64_t dimension : shape) {
        if (__builtin_mul_overflow(bytes, dimension, &bytes)) {
            return invalid(name, fmt::format("shape {} is too large to exist", shape_text(shape)));
        }
    }
    return bytes;
}

Result<Tensor> parse_tensor(const std::string& name, const Json& json, std::span<const std::byte> data) {
    if (!json.is_object()) {
        return invalid(name, "must be an object with 'dtype', 'shape' and 'data_offsets'");
    }
    const std::string* type_name = json["dtype"].as_string();
    const auto type = type_name == nullptr ? std::nullopt : parse_data_type(*type_name);
    if (!type) {
        return invalid(name, fmt::format("unknown 'dtype' {}", json["dtype"].dump().substr(0, 40)));
    }
    auto shape = parse_shape(name, json["shape"]);
    if (!shape) {
        return shape.error();
    }
    const auto bytes = size_of(name, *type, *shape);
    if (!bytes) {
        return bytes.error();
    }
    const Json::Array* offsets = json["data_offsets"].as_array();
    const auto begin = offsets != nullptr && offsets->size() == 2 ? (*offsets)[0].as_int() : std::nullopt;
    const auto end = begin ? (*offsets)[1].as_int() : std::nullopt;
    const auto data_bytes = static_cast<std::int64_t>(data.size());
    if (!end || *begin < 0 || *end < *begin || *end > data_bytes) {
        return invalid(
            name,
            fmt::format(
                "'data_offsets' {} must be two offsets in order within the file's {} data bytes",
                json["data_offsets"].dump().substr(0, 60),
                data_bytes
            )
        );
    }
    if (*end - *begin != *bytes) {
        return invalid(
            name,
            fmt::format(
                "{} {} needs {} bytes, but 'data_offsets' span {}",
                *type_name,
                shape_text(*shape),
                *bytes,
                *end - *begin
            )
        );
    }
    return Tensor{
        .name = name,
        .type = *type,
        .shape = std::move(*shape),
        .bytes = data.subspan(static_cast<std::size_t>(*begin), static_cast<std::size_t>(*bytes))
    };
}

Result<void> check_metadata(const Json& metadata) {
    const Json::Object* members = metadata.as_object();
    if (members == nullptr ||
        !std::ranges::all_of(*members, [](const auto& member) { return member.second.is_string(); })) {
        return Error{ErrorCode::kInvalid, "'__metadata__' must be an object of strings"};
    }
    return {};
}

// The format wants the data covered exactly once.
Result<void> check_cover(
    const std::map<std::string, Tensor, std::less<>>& tensors, std::span<const std::byte> data
) {
    std::vector<const Tensor*> in_order;
    for (const auto& [name, tensor] : tensors) {
        in_order.push_back(&tensor);
    }
    std::ranges::sort(in_order, {}, [](const Tensor* tensor) {
        return std::pair(tensor->bytes.data(), tensor->bytes.size());
    });
    const std::byte* reached = data.data();
    for (const Tensor* tensor : in_order) {
        if (tensor->bytes.data() < reached) {
            return invalid(tensor->name, "overlaps the tensor before it");
        }
        if (tensor->bytes.data() > reached) {
            return invalid(tensor->name, "there is a hole in the data before it");
        }
        reached += tensor->bytes.size();
    }
    if (reached != data.data() + data.size()) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "{} bytes at the end of the data belong to no tensor", data.data() + data.size() - reached
            )
        };
    }
    return {};
}

}  // namespace

Result<std::map<std::string, Tensor, std::less<>>> parse_safetensors(std::string_view file) {
    if (file.size() < kLengthBytes) {
        return Error{
            ErrorCode::kInvalid, fmt::format("{} bytes are too few for a safetensors file", file.size())
        };
    }
    const std::uint64_t header_bytes = read_length(file);
    if (header_bytes > kSafetensorsHeaderBytesMax || header_bytes > file.size() - kLengthBytes) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "the header claims {} bytes; the file has {} and the limit is {}: truncated, or no "
                "safetensors",
                header_bytes,
                file.size() - kLengthBytes,
                kSafetensorsHeaderBytesMax
            )
        };
    }
    const std::string_view header = file.substr(kLengthBytes, header_bytes);
    const auto data = std::as_bytes(std::span(file.substr(kLengthBytes + header_bytes)));
    if (!header.starts_with('{')) {
        return Error{ErrorCode::kInvalid, "the header does not start with '{'"};
    }
    const auto json = parse_json(header, 8);
    if (!json) {
        return with_context("header", json.error());
    }
    std::map<std::string, Tensor, std::less<>> tensors;
    for (const auto& [name, value] : *json->as_object()) {
        if (name == "__metadata__") {
            if (auto good = check_metadata(value); !good) {
                return good.error();
            }
            continue;
        }
        auto tensor = parse_tensor(name, value, data);
        if (!tensor) {
            return tensor.error();
        }
        tensors.emplace(name, std::move(*tensor));
    }
    if (auto good = check_cover(tensors, data); !good) {
        return good.error();
    }
    return tensors;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
    auto file = MappedFile::open(path);
    if (!file) {
        return file.error();
    }
    auto tensors = parse_safetensors(file->bytes());
    if (!tensors) {
        return with_context(fmt::format("safetensors file '{}'", path.string()), tensors.error());
    }
    return SafetensorsFile(std::move(*file), std::move(*tensors));
}

const Tensor* SafetensorsFile::find(std::string_view name) const {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? nullptr : &found->second;
}

Result<void> write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors) {
    Json header = Json::object();
    std::size_t offset = 0;
    for (const TensorToWrite& tensor : tensors) {
        const auto bytes = size_of(tensor.name, tensor.type, tensor.shape);
        CHECK(bytes && std::cmp_equal(*bytes, tensor.bytes.size()), "a tensor's bytes must match its shape");
        CHECK(!header.contains(tensor.name), "tensor names must differ");
        Json entry = Json::object({{"dtype", name_of(tensor.type)}, {"shape", Json::array_of(tensor.shape)}});
        entry.set("data_offsets", Json::array({offset, offset + tensor.bytes.size()}));
        header.set(tensor.name, std::move(entry));
        offset += tensor.bytes.size();
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');  // So that the data is aligned.
    std::string file;
    file.reserve(kLengthBytes + text.size() + offset);
    for (std::size_t i = 0; i < kLengthBytes; ++i) {
        file.push_back(static_cast<char>((text.size() >> (8 * i)) & 0xFF));
    }
    file += text;
    for (const TensorToWrite& tensor : tensors) {
        file.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    }
    return replace_file(path, file);
}

}  // namespace capstan::engine
