// The products for NEON with dot products (FEAT_DotProd). Only this file is compiled for them, by the pragma
// below; linear_table.cc asks the processor before it calls anything here.

#if defined(__aarch64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <arm_neon.h>

#include "engine/kernels/linear_quantise.h"
#include "engine/kernels/linear_table.h"
#include "engine/kernels/simd_neon.h"

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#include "engine/kernels/linear_products.h"
#include "engine/kernels/linear_rounding.h"
#include "engine/kernels/linear_simd_neon.h"

namespace capstan::engine::kernels {

struct LinearNeonDot : LinearNeonCommon<LinearNeonDot> {
    static int32x4_t dot4_of(int32x4_t sums, int8x16_t weights, int8x16_t x) {
        return vdotq_s32(sums, weights, x);
    }
};

const LinearTable kNeonDotLinear = {
    .isa = LinearIsa::kNeonDot,
    .block_tokens = LinearNeonDot::kTokens,
    .quantise = vector_quantise<LinearNeonDot>,
    .multiply = vector_multiply<LinearNeonDot>,
    .round = Rounding<LinearNeonDot>::run,
};

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
