#pragma once

// Numbers of 16 or 32 bits become codes of 14 bits (PackedFormat::kInt16), as plain loops that the compiler
// turns into the instructions of the version S that includes it. All versions give the same bits.

#include "engine/kernels/linear_table.h"

namespace capstan::engine::kernels {

template <class S>
struct Rounding {
    // Whole groups apart: a copy of unknown length is a call.
    template <typename T>
    static void read(const RoundingWork& work, std::int64_t column, T (&numbers)[kGroupColumns]) {
        const std::byte* from = work.from + column * static_cast<std::int64_t>(sizeof(T));
        const std::int64_t rest = work.columns - column;
        if (rest >= kGroupColumns) {
            std::memcpy(numbers, from, sizeof numbers);
        } else {
            std::memset(numbers, 0, sizeof numbers);
            std::memcpy(numbers, from, static_cast<std::size_t>(rest) * sizeof(T));
        }
    }

    static void read_group(const RoundingWork& work, std::int64_t column, float (&values)[kGroupColumns]) {
        if (work.type == DataType::kF32) {
            read(work, column, values);
            return;
        }
        std::uint16_t halves[kGroupColumns];
        read(work, column, halves);
        if (work.type == DataType::kF16) {
            for (std::int64_t i = 0; i < kGroupColumns; ++i) {
                values[i] = S::float_of_half(halves[i]);
            }
            return;
        }
        for (std::int64_t i = 0; i < kGroupColumns; ++i) {
            values[i] = of_bf16(halves[i]);
        }
    }

    // The scale is rounded up, so that no code is beyond 8,191: 32 products of two such codes fit 32 bits. A
    // group with a NaN or an infinity has a NaN for a scale.
    static std::uint16_t scale_bits(const float* values) {
        std::uint32_t largest = 0;
        for (std::int64_t i = 0; i < kGroupColumns; ++i) {  // As integers, magnitudes are in order.
            const std::uint32_t magnitude = bits_of_float(values[i]) & 0x7FFFFFFFU;
            largest = largest < magnitude ? magnitude : largest;
        }
        if (largest >= 0x7F800000U) {
            return 0x7FC0U;
        }
        float magnitude;
        std::memcpy(&magnitude, &largest, sizeof magnitude);
        return static_cast<std::uint16_t>((bits_of_float(magnitude / 8191.0F) + 0xFFFFU) >> 16);
    }

    static std::uint16_t put_codes(const float* values, std::int16_t* codes) {
        const std::uint16_t bits = scale_bits(values);
        const float scale = of_bf16(bits);
        for (std::int64_t i = 0; i < kGroupColumns; ++i) {
            codes[i] = scale > 0 ? static_cast<std::int16_t>(S::round(values[i] / scale)) : std::int16_t{0};
        }
        return bits;
    }

    static void run(const RoundingWork& work) {
        for (std::int64_t column = 0; column < work.columns; column += kGroupColumns) {
            float values[kGroupColumns];
            read_group(work, column, values);
            work.scales[column / kGroupColumns] = put_codes(values, work.codes + column);
        }
    }

private:
    static std::uint32_t bits_of_float(float value) {
        std::uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        return bits;
    }

    static float of_bf16(std::uint16_t bits) {
        const std::uint32_t wide = std::uint32_t{bits} << 16;
        float value;
        std::memcpy(&value, &wide, sizeof value);
        return value;
    }
};

}  // namespace capstan::engine::kernels
