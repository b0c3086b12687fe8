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

    // How a GGUF file differs from what Hugging Face keeps under the same name. `shape` is what is stored.
    std::int64_t interleaved_heads =
        0;                       // Over 0: the rows are of as many heads, their rotary pairs neighbours.
    bool is_transposed = false;  // Stored [out, in] where Hugging Face has [in, out] (GPT-2's Conv1D).
    float offset = 0;            // Stored are the values plus this (Gemma's norms are 1 + w).

    std::int64_t elements() const;
};

// Where the row that Hugging Face counts as `row` is stored. In each head, its row i of the first half is
// stored as row 2i and row i of the second half as row 2i + 1; without interleaved heads it is `row` itself.
std::int64_t stored_row(const Tensor& tensor, std::int64_t row);

// "[2, 3]"
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace capstan::engine
