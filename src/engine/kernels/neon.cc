// The kernels for NEON, which every 64-bit ARM processor has.

#if defined(__aarch64__)

#include "engine/kernels/simd_neon.h"
#include "engine/kernels/tables.h"
#include "engine/kernels/vector_elementwise.h"
#include "engine/kernels/vector_kernels.h"
#include "engine/kernels/vector_matmul.h"

namespace capstan::engine::kernels {

const KernelTable kNeonKernels = {
    .isa = Isa::kNeon,
    .matmul = vector_matmul<Neon>,
    .rms_norm = vector_rms_norm<Neon>,
    .rope = vector_rope<Neon>,
    .add = vector_add<Neon>,
    .layer_norm = vector_layer_norm<Neon>,
    .activate = vector_activate<Neon>,
    .soft_cap = vector_soft_cap<Neon>,
};

}  // namespace capstan::engine::kernels

#endif
