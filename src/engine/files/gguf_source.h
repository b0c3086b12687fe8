#pragma once

// A tensor as a GGUF file is to hold it, while its numbers still lie in another file: the other way of
// gguf_names.h.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/files/tensor.h"

namespace capstan::engine {

struct GgufSource {
    std::string name;                    // GGUF's.
    std::vector<std::int64_t> shape;     // Row-major, as GGUF has it.
    std::vector<const Tensor*> parts;    // One, or the matrices of all experts; of one type.
    std::int64_t interleaved_heads = 0;  // Over 0: rows of as many heads, which become rotary neighbours.
    bool is_transposed = false;          // The part is [columns, rows].
    float offset = 0;                    // What is written is this much more.

    DataType type() const { return parts.front()->type; }

    // A vector is a column of rows.
    std::int64_t columns() const { return shape.size() < 2 ? 1 : shape.back(); }

    std::int64_t rows() const;

    // Nothing is changed: the bytes of the parts, one behind another, are the tensor.
    bool is_as_stored() const { return interleaved_heads == 0 && !is_transposed && offset == 0; }

    // The row of the part that becomes row `row`. Not of transposed ones.
    std::int64_t part_row(std::int64_t row) const;

    // Row `row` as it is to be written, [columns].
    void read_row(std::int64_t row, float* out) const;
};

// Of a GGUF file's own tensor, which stays as it is.
GgufSource gguf_source_of(const Tensor& tensor);

// What a model calls a tensor, which its file may call otherwise (without "model.").
struct NamedTensor {
    std::string name;
    const Tensor* tensor = nullptr;  // Outlives what is made of it.
};

struct GgufNaming {
    std::string architecture;  // "general.architecture"
    std::int64_t query_heads = 0;
    std::int64_t key_heads = 0;
};

// In the order of `tensors`; experts' matrices, in the order of experts, where the first of them is.
// kInvalid, naming the tensor, when the architecture has no place for it, or experts differ in type.
Result<std::vector<GgufSource>> gguf_sources_of(
    const GgufNaming& naming, std::span<const NamedTensor> tensors
);

}  // namespace capstan::engine
