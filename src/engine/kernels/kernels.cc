#include "engine/kernels/kernels.h"

#include <algorithm>

#include "base/check.h"
#include "engine/kernels/tables.h"

namespace capstan::engine::kernels {

std::vector<Isa> supported_isas() {
    std::vector<Isa> isas = {Isa::kScalar};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
        isas.push_back(Isa::kAvx2);
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
            isas.push_back(Isa::kAvx512);
        }
    }
#elif defined(__aarch64__)
    isas.push_back(Isa::kNeon);
#endif
    return isas;
}

const KernelTable& kernels_for(Isa isa) {
    const std::vector<Isa> isas = supported_isas();
    CHECK(std::ranges::find(isas, isa) != isas.end(), "this processor cannot run these kernels");
    switch (isa) {
#if defined(__x86_64__)
        case Isa::kAvx2:
            return kAvx2Kernels;
        case Isa::kAvx512:
            return kAvx512Kernels;
#elif defined(__aarch64__)
        case Isa::kNeon:
            return kNeonKernels;
#endif
        default:
            return kScalarKernels;
    }
}

const KernelTable& best_kernels() {
    static const KernelTable& best = kernels_for(supported_isas().back());
    return best;
}

}  // namespace capstan::engine::kernels
