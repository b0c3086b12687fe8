#pragma once

// Which tensor of a model gets which type when the whole is said to be "Q4_K_M": the choices of llama.cpp, so
// that sizes and speeds can be compared.

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/files/data_type.h"

namespace capstan::engine {

enum class Mixture {
    kF32,
    kF16,
    kBf16,
    kQ8_0,
    kQ6K,
    kQ5KM,
    kQ5_1,
    kQ5_0,
    kQ4KM,
    kQ4_1,
    kQ4_0,
    kMxfp4,
};

// From "F16", "Q8_0", "Q4_K_M" and so on.
std::optional<Mixture> parse_mixture(std::string_view text);
std::string_view name_of(Mixture mixture);

// GGUF's "general.file_type".
std::uint32_t file_type_of(Mixture mixture);
// That of a model whose weights are mostly of this type; nothing when there is none.
std::optional<std::uint32_t> file_type_of(DataType type);

struct TensorPlace {
    std::string_view name;  // GGUF's, such as "blk.3.ffn_down.weight".
    std::int64_t dimensions = 2;
    std::int64_t columns = 0;  // Of a row.
    std::int64_t layer = 0;
    std::int64_t layers = 0;  // Of the model.
    bool is_tied = false;     // The embedding is the output, too.
};

// Vectors and routers stay F32. Rows that are no whole blocks get the next larger type in blocks of 32, or
// F16. MXFP4 is for all layers' matrices here, and not, as llama.cpp has it, for experts alone.
DataType type_in(Mixture mixture, const TensorPlace& place);

}  // namespace capstan::engine
