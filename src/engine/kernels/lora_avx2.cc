// The low-rank kernels for AVX2, FMA and F16C. Only this file is compiled for them, by the pragma below; who
// calls asks the processor before.

#if defined(__x86_64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others as AVX2, FMA and F16C.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include "engine/kernels/lora_tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "engine/kernels/simd_avx2.h"
#include "engine/kernels/vector_lora.h"

namespace capstan::engine::kernels {

const LoraTable kAvx2Lora = {.inner = vector_lora_inner<Avx2>, .outer = vector_lora_outer<Avx2>};

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
