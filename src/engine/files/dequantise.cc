#include "engine/files/dequantise.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace capstan::engine {
namespace {

template <typename T>
T load(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

float half_at(const std::byte* at) {
    return float_of_f16(load<std::uint16_t>(at));
}

int byte_at(const std::byte* at, int index) {
    return std::to_integer<int>(at[index]);
}

int low_nibble(const std::byte* at, int index) {
    return byte_at(at, index) & 0xF;
}

int high_nibble(const std::byte* at, int index) {
    return byte_at(at, index) >> 4;
}

// Element `i` of 32 whose low nibbles come first, then the high ones.
int nibble(const std::byte* packed, int i) {
    return i < 16 ? low_nibble(packed, i) : high_nibble(packed, i - 16);
}

// The same, with the fifth bits in 32 bits of their own.
int five_bits(const std::byte* packed, std::uint32_t fifths, int i) {
    return nibble(packed, i) | static_cast<int>(((fifths >> i) & 1U) << 4);
}

void q8_0_block(const std::byte* block, float* out) {
    const float scale = half_at(block);
    for (int i = 0; i < 32; ++i) {
        out[i] = static_cast<float>(static_cast<std::int8_t>(byte_at(block + 2, i))) * scale;
    }
}

void q4_0_block(const std::byte* block, float* out) {
    const float scale = half_at(block);
    for (int i = 0; i < 32; ++i) {
        out[i] = static_cast<float>(nibble(block + 2, i) - 8) * scale;
    }
}

void q4_1_block(const std::byte* block, float* out) {
    const float scale = half_at(block);
    const float minimum = half_at(block + 2);
    for (int i = 0; i < 32; ++i) {
        out[i] = static_cast<float>(nibble(block + 4, i)) * scale + minimum;
    }
}

void q5_0_block(const std::byte* block, float* out) {
    const float scale = half_at(block);
    const auto fifths = load<std::uint32_t>(block + 2);
    for (int i = 0; i < 32; ++i) {
        out[i] = static_cast<float>(five_bits(block + 6, fifths, i) - 16) * scale;
    }
}

void q5_1_block(const std::byte* block, float* out) {
    const float scale = half_at(block);
    const float minimum = half_at(block + 2);
    const auto fifths = load<std::uint32_t>(block + 4);
    for (int i = 0; i < 32; ++i) {
        out[i] = static_cast<float>(five_bits(block + 8, fifths, i)) * scale + minimum;
    }
}

// Groups of 32; two neighbouring groups share 32 bytes, the first in the low nibbles.
void q4_k_block(const std::byte* block, float* out) {
    const float scale = half_at(block);
    const float minimum = half_at(block + 2);
    const ScalesAndMinima groups = unpack_scales(block + 4);
    const std::byte* nibbles = block + 16;
    for (int group = 0; group < 8; ++group) {
        const float group_scale = scale * static_cast<float>(groups.scales[group]);
        const float group_minimum = minimum * static_cast<float>(groups.minima[group]);
        const std::byte* packed = nibbles + group / 2 * 32;
        for (int i = 0; i < 32; ++i) {
            const int value = group % 2 == 0 ? low_nibble(packed, i) : high_nibble(packed, i);
            out[group * 32 + i] = group_scale * static_cast<float>(value) - group_minimum;
        }
    }
}

// As Q4_K; the fifth bit of element i of group g is bit g of byte i of 32.
void q5_k_block(const std::byte* block, float* out) {
    const float scale = half_at(block);
    const float minimum = half_at(block + 2);
    const ScalesAndMinima groups = unpack_scales(block + 4);
    const std::byte* fifths = block + 16;
    const std::byte* nibbles = block + 48;
    for (int group = 0; group < 8; ++group) {
        const float group_scale = scale * static_cast<float>(groups.scales[group]);
        const float group_minimum = minimum * static_cast<float>(groups.minima[group]);
        const std::byte* packed = nibbles + group / 2 * 32;
        for (int i = 0; i < 32; ++i) {
            const int four = group % 2 == 0 ? low_nibble(packed, i) : high_nibble(packed, i);
            const int value = four | (((byte_at(fifths, i) >> group) & 1) << 4);
            out[group * 32 + i] = group_scale * static_cast<float>(value) - group_minimum;
        }
    }
}

// Two halves of 128; in each, quarter q of 32 has its low bits in nibble q / 2 of 64 bytes (bytes 32 (q mod
// 2) and on), and its high two bits at bit 2q of 32 bytes. Scales are of groups of 16.
void q6_k_block(const std::byte* block, float* out) {
    const std::byte* low = block;
    const std::byte* high = block + 128;
    const std::byte* scales = block + 192;
    const float scale = half_at(block + 208);
    for (int i = 0; i < 256; ++i) {
        const int half = i / 128;
        const int quarter = i / 32 % 4;
        const int at = i % 32;
        const int packed = byte_at(low, half * 64 + quarter % 2 * 32 + at);
        const int four = quarter < 2 ? packed & 0xF : packed >> 4;
        const int two = (byte_at(high, half * 32 + at) >> (2 * quarter)) & 3;
        const auto group_scale = static_cast<std::int8_t>(byte_at(scales, i / 16));
        out[i] = scale * static_cast<float>(group_scale) * static_cast<float>((four | (two << 4)) - 32);
    }
}

void mxfp4_block(const std::byte* block, float* out) {
    const float scale = half_of_e8m0(static_cast<std::uint8_t>(byte_at(block, 0)));
    for (int i = 0; i < 32; ++i) {
        out[i] = static_cast<float>(kFp4Doubled[nibble(block + 1, i)]) * scale;
    }
}

template <typename T>
void plain(const std::byte* elements, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = static_cast<float>(load<T>(elements + i * std::int64_t{sizeof(T)}));
    }
}

template <float (*convert)(std::uint8_t)>
void bytes(const std::byte* elements, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = convert(std::to_integer<std::uint8_t>(elements[i]));
    }
}

template <float (*convert)(std::uint16_t)>
void halves(const std::byte* elements, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = convert(load<std::uint16_t>(elements + i * 2));
    }
}

using OneBlock = void (*)(const std::byte*, float*);

OneBlock block_reader(DataType type) {
    switch (type) {
        case DataType::kQ8_0:
            return q8_0_block;
        case DataType::kQ4_0:
            return q4_0_block;
        case DataType::kQ4_1:
            return q4_1_block;
        case DataType::kQ5_0:
            return q5_0_block;
        case DataType::kQ5_1:
            return q5_1_block;
        case DataType::kQ4K:
            return q4_k_block;
        case DataType::kQ5K:
            return q5_k_block;
        case DataType::kQ6K:
            return q6_k_block;
        case DataType::kMxfp4:
            return mxfp4_block;
        default:
            return nullptr;
    }
}

using Array = void (*)(const std::byte*, std::int64_t, float*);

Array array_reader(DataType type) {
    switch (type) {
        case DataType::kF32:
            return plain<float>;
        case DataType::kF64:
            return plain<double>;
        case DataType::kF16:
            return halves<float_of_f16>;
        case DataType::kBf16:
            return halves<float_of_bf16>;
        case DataType::kF8E4m3:
            return bytes<float_of_f8_e4m3>;
        case DataType::kF8E5m2:
            return bytes<float_of_f8_e5m2>;
        case DataType::kI64:
            return plain<std::int64_t>;
        case DataType::kI32:
            return plain<std::int32_t>;
        case DataType::kI16:
            return plain<std::int16_t>;
        case DataType::kI8:
            return plain<std::int8_t>;
        case DataType::kU64:
            return plain<std::uint64_t>;
        case DataType::kU32:
            return plain<std::uint32_t>;
        case DataType::kU16:
            return plain<std::uint16_t>;
        case DataType::kU8:
        case DataType::kBool:
            return plain<std::uint8_t>;
        default:
            return nullptr;
    }
}

}  // namespace

float float_of_f8_e4m3(std::uint8_t bits) {
    const int exponent = (bits >> 3) & 0xF;
    const int fraction = bits & 7;
    if (exponent == 15 && fraction == 7) {
        return std::numeric_limits<float>::quiet_NaN();
    }
    const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -9)
                                          : std::ldexp(static_cast<float>(8 + fraction), exponent - 10);
    return (bits & 0x80) == 0 ? magnitude : -magnitude;
}

// e5m2 is the upper byte of binary16.
float float_of_f8_e5m2(std::uint8_t bits) {
    return float_of_f16(static_cast<std::uint16_t>(bits << 8));
}

float half_of_e8m0(std::uint8_t bits) {
    return std::ldexp(1.0F, int{bits} - 128);
}

// The first four scales and minima have a byte each, of which they use six bits. The other four have four
// bits in the last four bytes, and their upper two above those of the first.
ScalesAndMinima unpack_scales(const std::byte* packed) {
    ScalesAndMinima result = {};
    for (int i = 0; i < 4; ++i) {
        const int scale = byte_at(packed, i);
        const int minimum = byte_at(packed, i + 4);
        const int rest = byte_at(packed, i + 8);
        result.scales[i] = static_cast<std::uint8_t>(scale & 63);
        result.minima[i] = static_cast<std::uint8_t>(minimum & 63);
        result.scales[i + 4] = static_cast<std::uint8_t>((rest & 0xF) | ((scale >> 6) << 4));
        result.minima[i + 4] = static_cast<std::uint8_t>((rest >> 4) | ((minimum >> 6) << 4));
    }
    return result;
}

void dequantise(DataType type, const std::byte* blocks, std::int64_t count, float* out) {
    const BlockShape shape = block_of(type);
    CHECK(count % shape.elements == 0, "only whole blocks can be read");
    if (const OneBlock read = block_reader(type); read != nullptr) {
        for (std::int64_t block = 0; block < count / shape.elements; ++block) {
            read(blocks + block * shape.bytes, out + block * shape.elements);
        }
        return;
    }
    const Array read = array_reader(type);
    CHECK(read != nullptr, "every type is a block type or a plain one");
    read(blocks, count, out);
}

}  // namespace capstan::engine
