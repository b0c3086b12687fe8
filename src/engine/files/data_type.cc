#include "engine/files/data_type.h"

#include <array>
#include <cmath>

namespace capstan::engine {
namespace {

struct TypeFacts {
    std::string_view name;
    BlockShape block;
};

constexpr std::size_t kSafetensorsTypes = 15;

// In the order of DataType. The block types are those of ggml's ggml-common.h.
constexpr std::array<TypeFacts, 24> kFacts = {{
    {"F32", {1, 4}},      {"F16", {1, 2}},      {"BF16", {1, 2}},     {"F64", {1, 8}},
    {"F8_E4M3", {1, 1}},  {"F8_E5M2", {1, 1}},  {"I64", {1, 8}},      {"I32", {1, 4}},
    {"I16", {1, 2}},      {"I8", {1, 1}},       {"U64", {1, 8}},      {"U32", {1, 4}},
    {"U16", {1, 2}},      {"U8", {1, 1}},       {"BOOL", {1, 1}},     {"Q8_0", {32, 34}},
    {"Q4_0", {32, 18}},   {"Q4_1", {32, 20}},   {"Q5_0", {32, 22}},   {"Q5_1", {32, 24}},
    {"Q4_K", {256, 144}}, {"Q5_K", {256, 176}}, {"Q6_K", {256, 210}}, {"MXFP4", {32, 17}},
}};

}  // namespace

std::optional<DataType> parse_data_type(std::string_view text) {
    for (std::size_t i = 0; i < kSafetensorsTypes; ++i) {
        if (kFacts[i].name == text) {
            return static_cast<DataType>(i);
        }
    }
    return std::nullopt;
}

std::string_view name_of(DataType type) {
    return kFacts[static_cast<std::size_t>(type)].name;
}

BlockShape block_of(DataType type) {
    return kFacts[static_cast<std::size_t>(type)].block;
}

std::int64_t bytes_of(DataType type) {
    return block_of(type).bytes;
}

float float_of_f16(std::uint16_t bits) {
    const std::uint32_t sign = (bits & 0x8000U) << 16;
    const std::uint32_t exponent = (bits >> 10) & 0x1FU;
    const std::uint32_t fraction = bits & 0x3FFU;
    if (exponent == 0) {  // Zero or subnormal: fraction × 2^-24.
        const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
        return sign == 0 ? magnitude : -magnitude;
    }
    if (exponent == 31) {
        return std::bit_cast<float>(sign | 0x7F800000U | (fraction << 13));
    }
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

std::uint16_t bf16_of_float(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (std::isnan(value)) {
        return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
    }
    return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

std::uint16_t f16_of_float(float value) {
    const auto sign = static_cast<std::uint16_t>((std::bit_cast<std::uint32_t>(value) >> 16) & 0x8000U);
    const float magnitude = std::fabs(value);
    if (std::isnan(value)) {
        return static_cast<std::uint16_t>(sign | 0x7E00U);
    }
    if (magnitude >= 65520.0F) {
        return static_cast<std::uint16_t>(sign | 0x7C00U);
    }
    if (magnitude < 0x1p-14F) {  // Subnormal: the nearest multiple of 2^-24.
        return static_cast<std::uint16_t>(
            sign | static_cast<std::uint16_t>(std::nearbyint(magnitude * 0x1p24F))
        );
    }
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(magnitude) - (112U << 23);
    return static_cast<std::uint16_t>(sign | ((bits + 0xFFFU + ((bits >> 13) & 1U)) >> 13));
}

}  // namespace capstan::engine
