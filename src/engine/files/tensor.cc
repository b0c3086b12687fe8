#include "engine/files/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace capstan::engine {

std::int64_t Tensor::elements() const {
    const BlockShape block = block_of(type);
    return static_cast<std::int64_t>(bytes.size()) / block.bytes * block.elements;
}

std::string shape_text(std::span<const std::int64_t> shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace capstan::engine
