// The kernels for AVX2, FMA and F16C. Only this file is compiled for them, by the pragma below; kernels.cc
// asks the processor before it calls anything here.

#if defined(__x86_64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others as AVX2, FMA and F16C.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include "engine/kernels/tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "engine/kernels/simd_avx2.h"
#include "engine/kernels/vector_elementwise.h"
#include "engine/kernels/vector_kernels.h"
#include "engine/kernels/vector_matmul.h"

namespace capstan::engine::kernels {

const KernelTable kAvx2Kernels = {
    .isa = Isa::kAvx2,
    .matmul = vector_matmul<Avx2>,
    .rms_norm = vector_rms_norm<Avx2>,
    .rope = vector_rope<Avx2>,
    .add = vector_add<Avx2>,
    .layer_norm = vector_layer_norm<Avx2>,
    .activate = vector_activate<Avx2>,
    .soft_cap = vector_soft_cap<Avx2>,
};

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
