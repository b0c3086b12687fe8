#pragma once

// Numbers as blocks: the other way of dequantise.h.
//
// Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 and MXFP4 round to nearest with the scale that ggml's reference takes: the
// bytes are the same. Q4_K, Q5_K and Q6_K search scales (and minima) that make the squared error least.

#include <cstddef>
#include <cstdint>

#include "engine/files/data_type.h"

namespace capstan::engine {

// Whether `quantise` writes the type: F32, F16, BF16 and all block types.
bool is_quantisable(DataType type);

// `count` finite values, which are whole blocks of `type`, into bytes_of(type, count) bytes.
//   importance  Null, or [count]: what a squared error counts, at least 0 and not all 0 in a block. Only the
//               K types heed it.
// Scalar; the K types cost some twenty times what the others do.
void quantise(
    DataType type, const float* values, std::int64_t count, const float* importance, std::byte* out
);

}  // namespace capstan::engine
