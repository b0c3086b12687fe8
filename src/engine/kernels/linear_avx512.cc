// The products for AVX-512 with VNNI. Only this file is compiled for it, by the pragma below; linear_table.cc
// asks the processor before it calls anything here.

#if defined(__x86_64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others as AVX-512.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <immintrin.h>

#include "engine/kernels/linear_quantise.h"
#include "engine/kernels/linear_table.h"

#pragma clang attribute push(                                                               \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), \
    apply_to = function                                                                     \
)

#include "engine/kernels/linear_products.h"
#include "engine/kernels/linear_rounding.h"
#include "engine/kernels/linear_simd_avx512.h"

namespace capstan::engine::kernels {

const LinearTable kAvx512VnniLinear = {
    .isa = LinearIsa::kAvx512Vnni,
    .block_tokens = LinearAvx512::kTokens,
    .quantise = vector_quantise<LinearAvx512>,
    .multiply = vector_multiply<LinearAvx512>,
    .round = Rounding<LinearAvx512>::run,
};

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
