#pragma once

// What stored elements mean as numbers: the definition that every kernel is compared with.
//
// The blocks are ggml's (ggml-common.h). The numbers are equal, to the bit, to those of ggml's reference
// implementation, except for which NaN a broken scale gives.

#include <cstddef>
#include <cstdint>

#include "engine/files/data_type.h"

namespace capstan::engine {

// The values of OCP's FP4 (e2m1), by code, times two. MXFP4 and NVFP4 have them.
inline constexpr std::int8_t kFp4Doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

float float_of_f8_e4m3(std::uint8_t bits);  // OCP's e4m3: no infinities, NaN is 0x7F and 0xFF.
float float_of_f8_e5m2(std::uint8_t bits);

// 2^(bits - 128), which is half of what OCP's e8m0 says: for doubled FP4 values. As in ggml, no NaN.
float half_of_e8m0(std::uint8_t bits);

// The scales and minima of a Q4_K or Q5_K block, 6 bits each, from its 12 packed bytes.
struct ScalesAndMinima {
    std::uint8_t scales[8];
    std::uint8_t minima[8];
};

ScalesAndMinima unpack_scales(const std::byte* packed);

// `count` elements, which are whole blocks, of any type; integers are rounded to float, true is 1. `blocks`
// needs no alignment. Scalar: about 1 GB/s of floats.
void dequantise(DataType type, const std::byte* blocks, std::int64_t count, float* out);

}  // namespace capstan::engine
