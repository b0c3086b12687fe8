#pragma once

// The tables of the room's kernel versions; kernels.cc chooses between them.

#include "engine/kernels/kernels.h"

namespace capstan::engine::kernels {

extern const KernelTable kScalarKernels;
#if defined(__x86_64__)
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
#elif defined(__aarch64__)
extern const KernelTable kNeonKernels;
#endif

}  // namespace capstan::engine::kernels
