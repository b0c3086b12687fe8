// The low-rank kernels for AVX-512. Only this file is compiled for them, by the pragma below; who calls
// asks the processor before.

#if defined(__x86_64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others as AVX-512.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include "engine/kernels/lora_tables.h"

#pragma clang attribute push(                                                                        \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), apply_to = function \
)

#include "engine/kernels/simd_avx512.h"
#include "engine/kernels/vector_lora.h"

namespace capstan::engine::kernels {

const LoraTable kAvx512Lora = {.inner = vector_lora_inner<Avx512>, .outer = vector_lora_outer<Avx512>};

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
