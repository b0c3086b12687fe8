// The products for AVX2, FMA and F16C. Only this file is compiled for them, by the pragma below;
// linear_table.cc asks the processor before it calls anything here.

#if defined(__x86_64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others as AVX2, FMA and F16C.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <immintrin.h>

#include "engine/kernels/linear_quantise.h"
#include "engine/kernels/linear_table.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "engine/kernels/linear_products.h"
#include "engine/kernels/linear_rounding.h"
#include "engine/kernels/linear_simd_avx2_pair.h"

namespace capstan::engine::kernels {

const LinearTable kAvx2Linear = {
    .isa = LinearIsa::kAvx2,
    .block_tokens = LinearAvx2Pair::kTokens,
    .quantise = vector_quantise<LinearAvx2Pair>,
    .multiply = vector_multiply<LinearAvx2Pair>,
    .round = Rounding<LinearAvx2Pair>::run,
};

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
