// The low-rank kernels for NEON.

#if defined(__aarch64__)

#include "engine/kernels/lora_tables.h"
#include "engine/kernels/simd_neon.h"
#include "engine/kernels/vector_lora.h"

namespace capstan::engine::kernels {

const LoraTable kNeonLora = {.inner = vector_lora_inner<Neon>, .outer = vector_lora_outer<Neon>};

}  // namespace capstan::engine::kernels

#endif
