// What a checked GGUF file holds: its values (those of arrays, too, are scalars one behind another), its
// types.

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "engine/files/gguf.h"
#include "engine/files/gguf_split.h"

namespace capstan::engine {
namespace {

struct NumberedType {
    std::uint32_t number;
    DataType type;
};

constexpr std::array<NumberedType, 17> kTypes = {{
    {0, DataType::kF32},
    {1, DataType::kF16},
    {2, DataType::kQ4_0},
    {3, DataType::kQ4_1},
    {6, DataType::kQ5_0},
    {7, DataType::kQ5_1},
    {8, DataType::kQ8_0},
    {12, DataType::kQ4K},
    {13, DataType::kQ5K},
    {14, DataType::kQ6K},
    {24, DataType::kI8},
    {25, DataType::kI16},
    {26, DataType::kI32},
    {27, DataType::kI64},
    {28, DataType::kF64},
    {30, DataType::kBf16},
    {39, DataType::kMxfp4},
}};

template <typename T>
T load(std::string_view bytes, std::uint64_t index) {
    T value;
    std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
    return value;
}

std::optional<std::int64_t> int_at(GgufType type, std::string_view bytes, std::uint64_t index) {
    switch (type) {
        case GgufType::kU8:
            return load<std::uint8_t>(bytes, index);
        case GgufType::kI8:
            return load<std::int8_t>(bytes, index);
        case GgufType::kU16:
            return load<std::uint16_t>(bytes, index);
        case GgufType::kI16:
            return load<std::int16_t>(bytes, index);
        case GgufType::kU32:
            return load<std::uint32_t>(bytes, index);
        case GgufType::kI32:
            return load<std::int32_t>(bytes, index);
        case GgufType::kI64:
            return load<std::int64_t>(bytes, index);
        case GgufType::kU64: {
            const auto value = load<std::uint64_t>(bytes, index);
            return value > static_cast<std::uint64_t>(INT64_MAX)
                       ? std::nullopt
                       : std::optional(static_cast<std::int64_t>(value));
        }
        default:
            return std::nullopt;
    }
}

std::optional<double> double_at(GgufType type, std::string_view bytes, std::uint64_t index) {
    if (type == GgufType::kF32) {
        return load<float>(bytes, index);
    }
    if (type == GgufType::kF64) {
        return load<double>(bytes, index);
    }
    const auto integer = int_at(type, bytes, index);
    return integer ? std::optional(static_cast<double>(*integer)) : std::nullopt;
}

// All elements by `at`, or nothing when one of them is nothing.
template <typename T, typename At>
std::optional<std::vector<T>> all_of(const GgufValue& value, At at) {
    if (value.type != GgufType::kArray) {
        return std::nullopt;
    }
    std::vector<T> all;
    for (std::uint64_t i = 0; i < value.elements; ++i) {
        const std::optional<T> element = at(value.element_type, value.bytes, i);
        if (!element) {
            return std::nullopt;
        }
        all.push_back(*element);
    }
    return all;
}

}  // namespace

std::optional<std::uint32_t> gguf_number_of(DataType type) {
    const auto* found = std::ranges::find(kTypes, type, &NumberedType::type);
    return found == kTypes.end() ? std::nullopt : std::optional(found->number);
}

std::optional<DataType> data_type_of_gguf(std::uint32_t number) {
    const auto* found = std::ranges::find(kTypes, number, &NumberedType::number);
    return found == kTypes.end() ? std::nullopt : std::optional(found->type);
}

std::optional<std::int64_t> GgufValue::as_int() const {
    return int_at(type, bytes, 0);
}

std::optional<double> GgufValue::as_double() const {
    return double_at(type, bytes, 0);
}

std::optional<bool> GgufValue::as_bool() const {
    return type == GgufType::kBool ? std::optional(bytes.front() != '\0') : std::nullopt;
}

std::optional<std::string_view> GgufValue::as_string() const {
    return type == GgufType::kString ? std::optional(bytes) : std::nullopt;
}

std::optional<std::vector<std::string_view>> GgufValue::as_strings() const {
    if (type != GgufType::kArray || element_type != GgufType::kString) {
        return std::nullopt;
    }
    std::vector<std::string_view> strings;
    strings.reserve(elements);
    std::string_view rest = bytes;  // The parser has checked every length.
    for (std::uint64_t i = 0; i < elements; ++i) {
        const auto length = load<std::uint64_t>(rest, 0);
        strings.push_back(rest.substr(8, length));
        rest.remove_prefix(8 + length);
    }
    return strings;
}

std::optional<std::vector<std::int64_t>> GgufValue::as_ints() const {
    return all_of<std::int64_t>(*this, int_at);
}

std::optional<std::vector<double>> GgufValue::as_doubles() const {
    return all_of<double>(*this, double_at);
}

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
    auto file = MappedFile::open(path);
    if (!file) {
        return file.error();
    }
    auto content = parse_gguf(file->bytes());
    const auto pieces = content ? piece_count_of(*content) : Result<std::int64_t>(content.error());
    if (!pieces) {
        return with_context(fmt::format("GGUF file '{}'", path.string()), pieces.error());
    }
    if (*pieces > 1) {
        auto joined = open_pieces(path, std::move(*file), std::move(*content), *pieces);
        return joined ? std::move(joined)
                      : with_context(fmt::format("GGUF file '{}'", path.string()), joined.error());
    }
    std::vector<MappedFile> files;
    files.push_back(std::move(*file));
    return GgufFile(std::move(files), std::move(*content));
}

Result<GgufFile> GgufFile::open_pieces(
    const std::filesystem::path& path, MappedFile first, GgufContent content, std::int64_t count
) {
    auto name = parse_piece_name(path.filename().string());
    if (!name || name->number != 1 || name->count != count) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "it is one of {} pieces: name the first, which must be called '…-00001-of-{:05}.gguf'",
                count,
                count
            )
        };
    }
    std::vector<MappedFile> files;
    files.push_back(std::move(first));
    std::vector<GgufPiece> pieces;
    pieces.push_back({.name = name->file_name(), .content = std::move(content)});
    for (name->number = 2; name->number <= count; ++name->number) {
        auto file = MappedFile::open(path.parent_path() / name->file_name());
        if (!file) {
            return file.error();
        }
        auto piece = parse_gguf(file->bytes());
        if (!piece) {
            return with_context(fmt::format("piece '{}'", name->file_name()), piece.error());
        }
        files.push_back(std::move(*file));
        pieces.push_back({.name = name->file_name(), .content = std::move(*piece)});
    }
    auto joined = join_pieces(pieces);
    if (!joined) {
        return joined.error();
    }
    return GgufFile(std::move(files), std::move(*joined));
}

Result<GgufFile> GgufFile::view(std::string_view bytes) {
    auto content = parse_gguf(bytes);
    const auto pieces = content ? piece_count_of(*content) : Result<std::int64_t>(content.error());
    if (!pieces) {
        return pieces.error();
    }
    if (*pieces > 1) {
        return Error{ErrorCode::kInvalid, fmt::format("it is one of {} pieces", *pieces)};
    }
    return GgufFile({}, std::move(*content));
}

const GgufValue* GgufFile::find(std::string_view key) const {
    const auto found = content_.metadata.find(key);
    return found == content_.metadata.end() ? nullptr : &found->second;
}

const Tensor* GgufFile::find_tensor(std::string_view name) const {
    const auto found = content_.tensors.find(name);
    return found == content_.tensors.end() ? nullptr : &found->second;
}

std::int64_t GgufFile::int_or(std::string_view key, std::int64_t otherwise) const {
    const GgufValue* value = find(key);
    return value == nullptr ? otherwise : value->as_int().value_or(otherwise);
}

double GgufFile::double_or(std::string_view key, double otherwise) const {
    const GgufValue* value = find(key);
    return value == nullptr ? otherwise : value->as_double().value_or(otherwise);
}

bool GgufFile::bool_or(std::string_view key, bool otherwise) const {
    const GgufValue* value = find(key);
    return value == nullptr ? otherwise : value->as_bool().value_or(otherwise);
}

std::string GgufFile::string_or(std::string_view key, std::string_view otherwise) const {
    const GgufValue* value = find(key);
    return std::string(value == nullptr ? otherwise : value->as_string().value_or(otherwise));
}

}  // namespace capstan::engine
