#include "engine/kernels/linear_table.h"

#include <algorithm>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "base/check.h"

namespace capstan::engine::kernels {

std::vector<LinearIsa> supported_linear_isas() {
    std::vector<LinearIsa> isas = {LinearIsa::kScalar};
#if defined(__x86_64__)
    const bool has_avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    if (has_avx2) {
        isas.push_back(LinearIsa::kAvx2);
    }
    if (has_avx2 && __builtin_cpu_supports("avxvnni")) {
        isas.push_back(LinearIsa::kAvxVnni);
    }
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vnni")) {
        isas.push_back(LinearIsa::kAvx512Vnni);
        static const bool has_amx = ask_for_amx();
        if (has_amx) {
            isas.push_back(LinearIsa::kAmx);
        }
    }
#elif defined(__aarch64__)
    isas.push_back(LinearIsa::kNeon);
    const bool has_dot = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
    if (has_dot) {
        isas.push_back(LinearIsa::kNeonDot);
    }
    if (has_dot && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0) {
        isas.push_back(LinearIsa::kNeonI8mm);
    }
#endif
    return isas;
}

const LinearTable& linear_table_for(LinearIsa isa) {
    const std::vector<LinearIsa> isas = supported_linear_isas();
    CHECK(std::ranges::find(isas, isa) != isas.end(), "this processor cannot run these kernels");
    switch (isa) {
#if defined(__x86_64__)
        case LinearIsa::kAvx2:
            return kAvx2Linear;
        case LinearIsa::kAvxVnni:
            return kAvxVnniLinear;
        case LinearIsa::kAvx512Vnni:
            return kAvx512VnniLinear;
        case LinearIsa::kAmx:
            return kAmxLinear;
#elif defined(__aarch64__)
        case LinearIsa::kNeon:
            return kNeonLinear;
        case LinearIsa::kNeonDot:
            return kNeonDotLinear;
        case LinearIsa::kNeonI8mm:
            return kNeonI8mmLinear;
#endif
        default:
            return kScalarLinear;
    }
}

const LinearTable& best_linear_table() {
    static const LinearTable& best = linear_table_for(supported_linear_isas().back());
    return best;
}

}  // namespace capstan::engine::kernels
