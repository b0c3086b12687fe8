#pragma once

// A tensor of a file: its name, type, shape, and where its bytes are.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/files/data_type.h"

namespace capstan::engine {

inline constexpr std::size_t kTensorRankMax = 8;

// A tensor in someone else's memory, row-major, little endian, of any alignment.
struct Tensor {
    std::string name;
    DataType type = DataType::kF32;
    std::vector<std::int64_t> shape;  // Empty for a scalar.
    std::span<const std::byte> bytes;

    std::int64_t elements() const;
};

// "[2, 3]"
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace capstan::engine
