// The products for AVX2 with AVX-VNNI. Only this file is compiled for them, by the pragma below;
// linear_table.cc asks the processor before it calls anything here.

#if defined(__x86_64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others as AVX2 with AVX-VNNI.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <immintrin.h>

#include "engine/kernels/linear_quantise.h"
#include "engine/kernels/linear_table.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)

#include "engine/kernels/linear_products.h"
#include "engine/kernels/linear_rounding.h"
#include "engine/kernels/linear_simd_avx2.h"

namespace capstan::engine::kernels {

const LinearTable kAvxVnniLinear = {
    .isa = LinearIsa::kAvxVnni,
    .block_tokens = LinearAvx2<true>::kTokens,
    .quantise = vector_quantise<LinearAvx2<true>>,
    .multiply = vector_multiply<LinearAvx2<true>>,
    .round = Rounding<LinearAvx2<true>>::run,
};

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
