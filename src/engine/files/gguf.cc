#include "engine/files/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace capstan::engine {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are read as they lie in the file");

constexpr std::uint64_t kAlignmentDefault = 32;
constexpr std::size_t kDimensionsMax = 4;
constexpr std::uint64_t kTensorInfoBytesMin = 24;  // An empty name and no dimensions.
constexpr std::uint64_t kKeyBytesMin = 13;         // An empty key and one byte.

std::size_t bytes_of_scalar(GgufType type) {
    switch (type) {
        case GgufType::kU8:
        case GgufType::kI8:
        case GgufType::kBool:
            return 1;
        case GgufType::kU16:
        case GgufType::kI16:
            return 2;
        case GgufType::kU32:
        case GgufType::kI32:
        case GgufType::kF32:
            return 4;
        case GgufType::kU64:
        case GgufType::kI64:
        case GgufType::kF64:
            return 8;
        case GgufType::kString:
        case GgufType::kArray:
            break;
    }
    return 0;
}

Error invalid(std::string_view kind, std::string_view name, std::string_view why) {
    return Error{ErrorCode::kInvalid, fmt::format("{} '{}': {}", kind, name.substr(0, 200), why)};
}

Error truncated(std::string_view what) {
    return Error{ErrorCode::kInvalid, fmt::format("the file ends inside {}", what)};
}

template <typename T>
T load(std::string_view bytes, std::uint64_t index = 0) {
    T value;
    std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
    return value;
}

// Walks over the file; nothing is read behind its end.
class Reader {
public:
    explicit Reader(std::string_view file) : file_(file) {}

    std::size_t position() const { return position_; }

    std::uint64_t left() const { return file_.size() - position_; }

    template <typename T>
    std::optional<T> number() {
        const auto bytes = take(sizeof(T));
        return bytes ? std::optional(load<T>(*bytes)) : std::nullopt;
    }

    std::optional<std::string_view> take(std::uint64_t count) {
        if (count > left()) {
            return std::nullopt;
        }
        const std::string_view bytes = file_.substr(position_, count);
        position_ += count;
        return bytes;
    }

    // A length, then as many bytes.
    std::optional<std::string_view> string() {
        const auto length = number<std::uint64_t>();
        return length ? take(*length) : std::nullopt;
    }

    std::string_view since(std::size_t begin) const { return file_.substr(begin, position_ - begin); }

private:
    std::string_view file_;
    std::size_t position_ = 0;
};

Result<GgufType> read_type(Reader& reader, std::string_view key) {
    const auto number = reader.number<std::uint32_t>();
    if (!number) {
        return truncated(fmt::format("key '{}'", key));
    }
    if (*number > static_cast<std::uint32_t>(GgufType::kF64)) {
        return invalid("key", key, fmt::format("has the unknown type {}", *number));
    }
    return static_cast<GgufType>(*number);
}

Result<GgufValue> read_array(Reader& reader, std::string_view key, int depth);

// The value behind its type.
Result<GgufValue> read_value(Reader& reader, std::string_view key, GgufType type, int depth) {
    if (type == GgufType::kArray) {
        return read_array(reader, key, depth + 1);
    }
    const auto bytes = type == GgufType::kString ? reader.string() : reader.take(bytes_of_scalar(type));
    if (!bytes) {
        return truncated(fmt::format("key '{}'", key));
    }
    return GgufValue{.type = type, .element_type = type, .elements = 1, .bytes = *bytes};
}

Result<GgufValue> read_array(Reader& reader, std::string_view key, int depth) {
    if (depth > kGgufDepthMax) {
        return invalid("key", key, fmt::format("arrays lie more than {} deep in each other", kGgufDepthMax));
    }
    const auto element_type = read_type(reader, key);
    if (!element_type) {
        return element_type.error();
    }
    const auto elements = reader.number<std::uint64_t>();
    if (!elements) {
        return truncated(fmt::format("key '{}'", key));
    }
    const std::size_t scalar_bytes = bytes_of_scalar(*element_type);
    const std::uint64_t element_bytes_min = scalar_bytes != 0 ? scalar_bytes : 8;
    if (*elements > kGgufElementsMax || *elements > reader.left() / element_bytes_min) {
        return invalid(
            "key",
            key,
            fmt::format(
                "claims {} elements; {} bytes are left in the file and the limit is {}",
                *elements,
                reader.left(),
                kGgufElementsMax
            )
        );
    }
    const std::size_t begin = reader.position();
    if (scalar_bytes != 0) {
        reader.take(*elements * scalar_bytes);
    }
    for (std::uint64_t i = 0; scalar_bytes == 0 && i < *elements; ++i) {
        if (auto element = read_value(reader, key, *element_type, depth); !element) {
            return element.error();
        }
    }
    return GgufValue{
        .type = GgufType::kArray,
        .element_type = *element_type,
        .elements = *elements,
        .bytes = reader.since(begin)
    };
}

Result<void> read_metadata(Reader& reader, std::uint64_t count, GgufContent& content) {
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto key = reader.string();
        if (!key) {
            return truncated(fmt::format("the name of key {}", i));
        }
        if (key->empty() || key->size() > kGgufNameBytesMax) {
            return invalid("key", *key, fmt::format("names have 1 to {} bytes", kGgufNameBytesMax));
        }
        const auto type = read_type(reader, *key);
        if (!type) {
            return type.error();
        }
        auto value = read_value(reader, *key, *type, 0);
        if (!value) {
            return value.error();
        }
        if (!content.metadata.emplace(*key, *value).second) {
            return invalid("key", *key, "is there twice");
        }
    }
    return {};
}

struct TensorInfo {
    std::string_view name;
    DataType type = DataType::kF32;
    std::vector<std::int64_t> shape;  // Row-major.
    std::uint64_t offset = 0;
};

Result<DataType> read_tensor_type(Reader& reader, std::string_view name) {
    const auto number = reader.number<std::uint32_t>();
    if (!number) {
        return truncated(fmt::format("the description of tensor '{}'", name));
    }
    const auto type = data_type_of_gguf(*number);
    if (!type) {
        return invalid(
            "tensor",
            name,
            fmt::format(
                "is of ggml's type {}, which is not read; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, "
                "Q4_K, "
                "Q5_K, Q6_K and MXFP4 are",
                *number
            )
        );
    }
    return *type;
}

Result<TensorInfo> read_tensor_info(Reader& reader, std::uint64_t index) {
    const auto name = reader.string();
    if (!name) {
        return truncated(fmt::format("the name of tensor {}", index));
    }
    if (name->empty() || name->size() > kGgufNameBytesMax) {
        return invalid("tensor", *name, fmt::format("names have 1 to {} bytes", kGgufNameBytesMax));
    }
    const auto dimensions = reader.number<std::uint32_t>();
    if (!dimensions || *dimensions > kDimensionsMax) {
        return invalid("tensor", *name, fmt::format("must have at most {} dimensions", kDimensionsMax));
    }
    TensorInfo info = {.name = *name, .type = DataType::kF32, .shape = {}, .offset = 0};
    for (std::uint32_t i = 0; i < *dimensions; ++i) {
        const auto size = reader.number<std::uint64_t>();
        if (!size || *size == 0 || *size > static_cast<std::uint64_t>(INT64_MAX)) {
            return invalid("tensor", *name, fmt::format("dimension {} is no size", i));
        }
        info.shape.insert(info.shape.begin(), static_cast<std::int64_t>(*size));
    }
    const auto type = read_tensor_type(reader, *name);
    if (!type) {
        return type.error();
    }
    info.type = *type;
    const auto offset = reader.number<std::uint64_t>();
    if (!offset) {
        return truncated(fmt::format("the description of tensor '{}'", *name));
    }
    info.offset = *offset;
    return info;
}

Result<Tensor> place_tensor(const TensorInfo& info, std::string_view data, std::uint64_t alignment) {
    std::int64_t elements = 1;
    for (const std::int64_t size : info.shape) {
        if (__builtin_mul_overflow(elements, size, &elements)) {
            return invalid(
                "tensor", info.name, fmt::format("shape {} is too large to exist", shape_text(info.shape))
            );
        }
    }
    const BlockShape block = block_of(info.type);
    const std::int64_t row = info.shape.empty() ? 1 : info.shape.back();
    if (row % block.elements != 0) {
        return invalid(
            "tensor", info.name, fmt::format("rows of {} are no whole blocks of {}", row, name_of(info.type))
        );
    }
    std::int64_t bytes = 0;
    if (__builtin_mul_overflow(elements / block.elements, block.bytes, &bytes) ||
        static_cast<std::uint64_t>(bytes) > data.size() ||
        info.offset > data.size() - static_cast<std::uint64_t>(bytes)) {
        return invalid(
            "tensor",
            info.name,
            fmt::format(
                "{} {} at offset {} reaches beyond the file's {} data bytes",
                name_of(info.type),
                shape_text(info.shape),
                info.offset,
                data.size()
            )
        );
    }
    if (info.offset % alignment != 0) {
        return invalid(
            "tensor", info.name, fmt::format("offset {} is not aligned to {}", info.offset, alignment)
        );
    }
    const std::string_view view = data.substr(info.offset, static_cast<std::size_t>(bytes));
    return Tensor{
        .name = std::string(info.name),
        .type = info.type,
        .shape = info.shape,
        .bytes = std::as_bytes(std::span(view))
    };
}

Result<void> check_apart(const std::map<std::string, Tensor, std::less<>>& tensors) {
    std::vector<const Tensor*> in_order;
    for (const auto& [name, tensor] : tensors) {
        in_order.push_back(&tensor);
    }
    std::ranges::sort(in_order, {}, [](const Tensor* tensor) { return tensor->bytes.data(); });
    for (std::size_t i = 1; i < in_order.size(); ++i) {
        const Tensor& before = *in_order[i - 1];
        if (before.bytes.data() + before.bytes.size() > in_order[i]->bytes.data()) {
            return invalid("tensor", in_order[i]->name, fmt::format("overlaps tensor '{}'", before.name));
        }
    }
    return {};
}

Result<std::uint64_t> alignment_of(const GgufContent& content) {
    const auto found = content.metadata.find("general.alignment");
    if (found == content.metadata.end()) {
        return kAlignmentDefault;
    }
    const auto alignment = found->second.as_int();
    if (!alignment || *alignment <= 0 || std::cmp_greater(*alignment, kGgufAlignmentMax) ||
        !std::has_single_bit(static_cast<std::uint64_t>(*alignment))) {
        return invalid(
            "key", "general.alignment", fmt::format("must be a power of two up to {}", kGgufAlignmentMax)
        );
    }
    return static_cast<std::uint64_t>(*alignment);
}

struct Counts {
    std::uint64_t tensors = 0;
    std::uint64_t keys = 0;
};

Result<Counts> read_head(Reader& reader, GgufContent& content) {
    if (reader.take(4) != "GGUF") {
        return Error{ErrorCode::kInvalid, "does not start with 'GGUF'"};
    }
    const auto version = reader.number<std::uint32_t>();
    if (!version || (*version != 2 && *version != 3)) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("version {} is not read; 2 and 3, little endian, are", version.value_or(0))
        };
    }
    content.version = *version;
    const auto tensors = reader.number<std::uint64_t>();
    const auto keys = reader.number<std::uint64_t>();
    if (!tensors || !keys) {
        return truncated("its head");
    }
    if (*tensors > kGgufTensorsMax || *tensors > reader.left() / kTensorInfoBytesMin) {
        return Error{ErrorCode::kInvalid, fmt::format("claims {} tensors, which do not fit", *tensors)};
    }
    if (*keys > kGgufKeysMax || *keys > reader.left() / kKeyBytesMin) {
        return Error{ErrorCode::kInvalid, fmt::format("claims {} keys, which do not fit", *keys)};
    }
    return Counts{.tensors = *tensors, .keys = *keys};
}

}  // namespace

Result<GgufContent> parse_gguf(std::string_view file) {
    Reader reader(file);
    GgufContent content;
    const auto counts = read_head(reader, content);
    if (!counts) {
        return counts.error();
    }
    if (auto good = read_metadata(reader, counts->keys, content); !good) {
        return good.error();
    }
    const auto alignment = alignment_of(content);
    if (!alignment) {
        return alignment.error();
    }
    std::vector<TensorInfo> infos;
    for (std::uint64_t i = 0; i < counts->tensors; ++i) {
        auto info = read_tensor_info(reader, i);
        if (!info) {
            return info.error();
        }
        infos.push_back(std::move(*info));
    }
    const std::size_t data_begin = (reader.position() + *alignment - 1) / *alignment * *alignment;
    const std::string_view data = file.substr(std::min(data_begin, file.size()));
    for (const TensorInfo& info : infos) {
        auto tensor = place_tensor(info, data, *alignment);
        if (!tensor) {
            return tensor.error();
        }
        if (!content.tensors.emplace(info.name, std::move(*tensor)).second) {
            return invalid("tensor", info.name, "is there twice");
        }
    }
    if (auto good = check_apart(content.tensors); !good) {
        return good.error();
    }
    return content;
}

}  // namespace capstan::engine
