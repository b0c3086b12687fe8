#pragma once

// The versions of the attention kernels; attention.cc chooses between them.

#include "engine/kernels/attention.h"

namespace capstan::engine::kernels {

inline constexpr float kLog2E = 1.44269504F;
inline constexpr float kNoScore = -1e30F;  // Below every score; the largest of none.

extern const AttentionKernels kScalarAttention;
#if defined(__x86_64__)
extern const AttentionKernels kAvx2Attention;
extern const AttentionKernels kAvx512Attention;
#elif defined(__aarch64__)
extern const AttentionKernels kNeonAttention;
#endif

}  // namespace capstan::engine::kernels
