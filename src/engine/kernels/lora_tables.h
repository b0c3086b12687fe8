#pragma once

// The versions of the low-rank kernels; lora.cc chooses between them.

#include "engine/kernels/lora.h"

namespace capstan::engine::kernels {

extern const LoraTable kScalarLora;
#if defined(__x86_64__)
extern const LoraTable kAvx2Lora;
extern const LoraTable kAvx512Lora;
#elif defined(__aarch64__)
extern const LoraTable kNeonLora;
#endif

}  // namespace capstan::engine::kernels
