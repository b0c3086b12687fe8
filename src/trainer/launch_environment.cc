#include "trainer/launch_environment.h"

namespace capstan::trainer {
namespace {

#if defined(__x86_64__)

bool has_avx512() {
    return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
           __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
}

bool has_avx2() {
    return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
}

#else

bool has_avx512() {
    return false;
}

bool has_avx2() {
    return false;
}

#endif

}  // namespace

std::vector<EnvironmentVariable> launch_environment() {
    std::vector<EnvironmentVariable> variables{
        {"OMP_NUM_THREADS", "1"}, {"OPENBLAS_NUM_THREADS", "1"}, {"OMP_WAIT_POLICY", "passive"}
    };
    if (has_avx512()) {
        variables.push_back({"OPENBLAS_CORETYPE", "SKYLAKEX"});
        variables.push_back({"ATEN_CPU_CAPABILITY", "avx512"});
    } else if (has_avx2()) {
        variables.push_back({"OPENBLAS_CORETYPE", "HASWELL"});
    }
    return variables;
}

}  // namespace capstan::trainer
