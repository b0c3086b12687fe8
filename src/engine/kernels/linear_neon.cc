// The products for NEON, which every 64-bit ARM processor has.

#if defined(__aarch64__)

#include "engine/kernels/linear_products.h"
#include "engine/kernels/linear_rounding.h"
#include "engine/kernels/linear_simd_neon.h"
#include "engine/kernels/linear_table.h"

namespace capstan::engine::kernels {

// Without dot products: pairs are summed in 16 bits, where two products of 127 · 128 fit.
struct LinearNeon : LinearNeonCommon<LinearNeon> {
    static int32x4_t dot4_of(int32x4_t sums, int8x16_t weights, int8x16_t x) {
        const int16x8_t low = vmull_s8(vget_low_s8(weights), vget_low_s8(x));
        return vpadalq_s16(sums, vpaddq_s16(low, vmull_high_s8(weights, x)));
    }
};

const LinearTable kNeonLinear = {
    .isa = LinearIsa::kNeon,
    .block_tokens = LinearNeon::kTokens,
    .quantise = vector_quantise<LinearNeon>,
    .multiply = vector_multiply<LinearNeon>,
    .round = Rounding<LinearNeon>::run,
};

}  // namespace capstan::engine::kernels

#endif
