#pragma once

// The element types of a tensor in a file, plain and in blocks, and how to read one plain element as a float.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace capstan::engine {

// Those that safetensors names come first; GGUF's block types, in which neighbours along a row share scales,
// follow.
enum class DataType {
    kF32,
    kF16,
    kBf16,
    kF64,
    kF8E4m3,
    kF8E5m2,
    kI64,
    kI32,
    kI16,
    kI8,
    kU64,
    kU32,
    kU16,
    kU8,
    kBool,
    kQ8_0,
    kQ4_0,
    kQ4_1,
    kQ5_0,
    kQ5_1,
    kQ4K,
    kQ5K,
    kQ6K,
    kMxfp4,
};

// How elements lie in memory: `bytes` for each `elements` neighbours of a row.
struct BlockShape {
    std::int64_t elements = 1;
    std::int64_t bytes = 1;
};

// From safetensors' spelling, such as "BF16".
std::optional<DataType> parse_data_type(std::string_view text);
std::string_view name_of(DataType type);
BlockShape block_of(DataType type);
std::int64_t bytes_of(DataType type);  // Of one element; `type` is no block type.

// Of `count` elements, which are whole blocks.
inline std::int64_t bytes_of(DataType type, std::int64_t count) {
    const BlockShape block = block_of(type);
    return count / block.elements * block.bytes;
}

inline bool is_weight_type(DataType type) {
    return type == DataType::kF32 || type == DataType::kF16 || type == DataType::kBf16;
}

inline float float_of_bf16(std::uint16_t bits) {
    return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

float float_of_f16(std::uint16_t bits);    // IEEE 754 binary16, exact.
std::uint16_t bf16_of_float(float value);  // Round to nearest even; NaN stays NaN.
std::uint16_t f16_of_float(float value);   // Round to nearest even; too large becomes infinity.

// Element `index` of an array of a weight type, which needs no alignment.
inline float weight_at(const std::byte* data, DataType type, std::int64_t index) {
    if (type == DataType::kF32) {
        float value;
        std::memcpy(&value, data + index * 4, sizeof value);
        return value;
    }
    std::uint16_t bits;
    std::memcpy(&bits, data + index * 2, sizeof bits);
    return type == DataType::kBf16 ? float_of_bf16(bits) : float_of_f16(bits);
}

}  // namespace capstan::engine
