// The kernels for AVX-512. Only this file is compiled for them, by the pragma below; kernels.cc
// asks the processor before it calls anything here.

#if defined(__x86_64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others as AVX-512.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include "engine/kernels/tables.h"

#pragma clang attribute push(                                                                        \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), apply_to = function \
)

#include "engine/kernels/simd_avx512.h"
#include "engine/kernels/vector_elementwise.h"
#include "engine/kernels/vector_kernels.h"
#include "engine/kernels/vector_matmul.h"

namespace capstan::engine::kernels {

const KernelTable kAvx512Kernels = {
    .isa = Isa::kAvx512,
    .matmul = vector_matmul<Avx512>,
    .rms_norm = vector_rms_norm<Avx512>,
    .rope = vector_rope<Avx512>,
    .add = vector_add<Avx512>,
    .layer_norm = vector_layer_norm<Avx512>,
    .activate = vector_activate<Avx512>,
    .soft_cap = vector_soft_cap<Avx512>,
};

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
