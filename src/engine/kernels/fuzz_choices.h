#pragma once

// What the kernels' fuzzers share: the bytes of an input as choices and numbers.

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "engine/files/data_type.h"

namespace capstan::engine::kernels {

using Floats = std::vector<float>;

// What the bytes ask for: choices from the first ones, in order; numbers by a seed made of the rest.
class Choices {
public:
    explicit Choices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
        std::uint32_t seed = 2'166'136'261U;
        for (const std::uint8_t byte : bytes) {
            seed = (seed ^ byte) * 16'777'619U;
        }
        random_.seed(seed);
    }

    // From `low` to `high`, both among them.
    std::int64_t between(std::int64_t low, std::int64_t high) {
        std::int64_t value = 0;
        for (std::int64_t range = high - low; range > 0 && !bytes_.empty(); range >>= 8) {
            value = value << 8 | bytes_.front();
            bytes_ = bytes_.subspan(1);
        }
        return low + value % (high - low + 1);
    }

    template <typename T>
    T one_of(std::initializer_list<T> all) {
        return all.begin()[between(0, std::ssize(all) - 1)];
    }

    Floats floats(std::int64_t count, float spread = 1) {
        std::normal_distribution<float> normal(0, spread);
        Floats values(static_cast<std::size_t>(count));
        std::ranges::generate(values, [&] { return normal(random_); });
        return values;
    }

    std::vector<std::byte> bytes(std::int64_t count) {
        std::vector<std::byte> all(static_cast<std::size_t>(count));
        std::ranges::generate(all, [&] { return static_cast<std::byte>(random_()); });
        return all;
    }

    // Numbers of type kF32, kF16 or kBf16.
    std::vector<std::byte> numbers(DataType type, std::int64_t count) {
        std::vector<std::byte> all;
        for (const float value : floats(count)) {
            const std::uint16_t half = type == DataType::kF16 ? f16_of_float(value) : bf16_of_float(value);
            const auto bytes = type == DataType::kF32 ? std::as_bytes(std::span(&value, 1))
                                                      : std::as_bytes(std::span(&half, 1));
            all.insert(all.end(), bytes.begin(), bytes.end());
        }
        return all;
    }

    // Puts up to `most` numbers that are hard to compute with somewhere.
    void spoil(Floats& values, std::int64_t most) {
        constexpr float kInfinity = std::numeric_limits<float>::infinity();
        constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
        constexpr float kHard[] = {0.0F, -0.0F, 1e-42F, 3e38F, -3e38F, 1e-31F, kInfinity, -kInfinity, kNan};
        for (std::int64_t i = between(0, most); i > 0; --i) {
            values[random_() % values.size()] = kHard[random_() % std::size(kHard)];
        }
    }

private:
    std::span<const std::uint8_t> bytes_;
    std::mt19937 random_;
};

}  // namespace capstan::engine::kernels
