#include "engine/files/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace capstan::engine {

std::int64_t Tensor::elements() const {
    const BlockShape block = block_of(type);
    return static_cast<std::int64_t>(bytes.size()) / block.bytes * block.elements;
}

std::int64_t stored_row(const Tensor& tensor, std::int64_t row) {
    if (tensor.interleaved_heads == 0) {
        return row;
    }
    const std::int64_t head_rows = tensor.shape.front() / tensor.interleaved_heads;
    const std::int64_t half = head_rows / 2;
    const std::int64_t head = row / head_rows;
    const std::int64_t at = row % head_rows;
    return head * head_rows + at % half * 2 + at / half;
}

std::string shape_text(std::span<const std::int64_t> shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace capstan::engine
