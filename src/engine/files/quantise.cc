#include "engine/files/quantise.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "engine/files/dequantise.h"
#include "engine/files/quantise_k.h"

namespace capstan::engine {
namespace {

constexpr int kBlock = 32;

template <typename T>
void store(std::byte* at, T value) {
    std::memcpy(at, &value, sizeof value);
}

// Between the bounds; NaN is the lower one, so that no conversion is undefined.
float clamped(float value, float low, float high) {
    if (!(value > low)) {
        return low;
    }
    return value < high ? value : high;
}

// Half away from zero.
float rounded(float value) {
    const float magnitude = std::fabs(value);
    const float floor = std::floor(magnitude);
    return std::copysign(floor + std::floor(2 * (magnitude - floor)), value);
}

float inverse(float scale) {
    return scale == 0 ? 0 : 1 / scale;
}

// The first of the values that are farthest from zero.
float extreme_of(const float* values) {
    return *std::max_element(values, values + kBlock, [](float a, float b) {
        return std::fabs(a) < std::fabs(b);
    });
}

// Codes of four or five bits: low nibbles first, then high ones; fifth bits apart.
void pack(const int* codes, std::byte* nibbles, std::byte* fifths) {
    std::uint32_t upper = 0;
    for (int i = 0; i < kBlock / 2; ++i) {
        nibbles[i] = static_cast<std::byte>((codes[i] & 0xF) | ((codes[i + kBlock / 2] & 0xF) << 4));
    }
    for (int i = 0; i < kBlock; ++i) {
        upper |= static_cast<std::uint32_t>(codes[i] >> 4) << i;
    }
    if (fifths != nullptr) {
        store(fifths, upper);
    }
}

void q8_0_block(const float* values, std::byte* out) {
    const float scale = std::fabs(extreme_of(values)) / 127;
    const float factor = inverse(scale);
    store(out, f16_of_float(scale));
    for (int i = 0; i < kBlock; ++i) {
        const float code = clamped(rounded(values[i] * factor), -127, 127);
        out[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(code));
    }
}

// The extreme value gets the code -`middle`. In double, since ggml's reference is compiled with fused
// products.
void symmetric(const float* values, int middle, int* codes, std::byte* scale_out) {
    const float scale = extreme_of(values) / static_cast<float>(-middle);
    const float factor = inverse(scale);
    store(scale_out, f16_of_float(scale));
    const auto highest = static_cast<float>(2 * middle - 1);
    for (int i = 0; i < kBlock; ++i) {
        const double code = double{values[i]} * double{factor} + (middle + 0.5);
        codes[i] = static_cast<int>(clamped(static_cast<float>(code), 0, highest));
    }
}

void asymmetric(const float* values, int highest, int* codes, std::byte* scale_and_minimum) {
    const auto [least, greatest] = std::minmax_element(values, values + kBlock);
    const float minimum = *least;
    const float scale = (*greatest - minimum) / static_cast<float>(highest);
    const float factor = inverse(scale);
    store(scale_and_minimum, f16_of_float(scale));
    store(scale_and_minimum + 2, f16_of_float(minimum));
    for (int i = 0; i < kBlock; ++i) {
        const float code = (values[i] - minimum) * factor + 0.5F;
        codes[i] = static_cast<int>(clamped(code, 0, static_cast<float>(highest)));
    }
}

void q4_0_block(const float* values, std::byte* out) {
    int codes[kBlock];
    symmetric(values, 8, codes, out);
    pack(codes, out + 2, nullptr);
}

void q5_0_block(const float* values, std::byte* out) {
    int codes[kBlock];
    symmetric(values, 16, codes, out);
    pack(codes, out + 6, out + 2);
}

void q4_1_block(const float* values, std::byte* out) {
    int codes[kBlock];
    asymmetric(values, 15, codes, out);
    pack(codes, out + 4, nullptr);
}

void q5_1_block(const float* values, std::byte* out) {
    int codes[kBlock];
    asymmetric(values, 31, codes, out);
    pack(codes, out + 8, out + 4);
}

int nearest_fp4(float value, float half_scale) {
    int best = 0;
    float best_error = std::numeric_limits<float>::infinity();
    for (int code = 0; code < 16; ++code) {
        const float error = std::fabs(half_scale * static_cast<float>(kFp4Doubled[code]) - value);
        if (error < best_error) {
            best_error = error;
            best = code;
        }
    }
    return best;
}

// The exponent puts the extreme value between 4 and 8 times the scale; 6 is the greatest FP4.
void mxfp4_block(const float* values, std::byte* out) {
    const float extreme = std::fabs(extreme_of(values));
    const int exponent =
        extreme > 0 && std::isfinite(extreme) ? std::clamp(std::ilogb(extreme) + 125, 0, 254) : 0;
    const float half_scale = half_of_e8m0(static_cast<std::uint8_t>(exponent));
    int codes[kBlock];
    for (int i = 0; i < kBlock; ++i) {
        codes[i] = nearest_fp4(values[i], half_scale);
    }
    out[0] = static_cast<std::byte>(exponent);
    pack(codes, out + 1, nullptr);
}

using OneBlock = void (*)(const float*, std::byte*);

OneBlock block_writer(DataType type) {
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
        case DataType::kMxfp4:
            return mxfp4_block;
        default:
            return nullptr;
    }
}

using OneWeightedBlock = void (*)(const float*, const float*, std::byte*);

OneWeightedBlock k_block_writer(DataType type) {
    switch (type) {
        case DataType::kQ4K:
            return write_q4_k_block;
        case DataType::kQ5K:
            return write_q5_k_block;
        case DataType::kQ6K:
            return write_q6_k_block;
        default:
            return nullptr;
    }
}

void plain(DataType type, const float* values, std::int64_t count, std::byte* out) {
    if (type == DataType::kF32) {
        std::memcpy(out, values, static_cast<std::size_t>(count) * sizeof(float));
        return;
    }
    for (std::int64_t i = 0; i < count; ++i) {
        store(out + 2 * i, type == DataType::kF16 ? f16_of_float(values[i]) : bf16_of_float(values[i]));
    }
}

}  // namespace

bool is_quantisable(DataType type) {
    return is_weight_type(type) || block_writer(type) != nullptr || k_block_writer(type) != nullptr;
}

void quantise(
    DataType type, const float* values, std::int64_t count, const float* importance, std::byte* out
) {
    CHECK(is_quantisable(type), "numbers cannot be written as this type");
    const BlockShape shape = block_of(type);
    CHECK(count % shape.elements == 0, "only whole blocks can be written");
    if (is_weight_type(type)) {
        plain(type, values, count, out);
        return;
    }
    const OneBlock write = block_writer(type);
    const OneWeightedBlock write_k = k_block_writer(type);
    for (std::int64_t block = 0; block < count / shape.elements; ++block) {
        const float* block_values = values + block * shape.elements;
        std::byte* block_out = out + block * shape.bytes;
        if (write != nullptr) {
            write(block_values, block_out);
        } else {
            write_k(
                block_values, importance == nullptr ? nullptr : importance + block * shape.elements, block_out
            );
        }
    }
}

}  // namespace capstan::engine
