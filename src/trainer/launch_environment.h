#pragma once

// The environment variables without which libtorch is many times slower. libgomp and OpenBLAS read them while
// the program is loaded, so whoever starts capstan-train sets them before exec; capstan-train that finds them
// missing sets them and starts itself again, once.
//
// Needs no libtorch: the room `training` links this alone.

#include <string>
#include <vector>

namespace capstan::trainer {

struct EnvironmentVariable {
    std::string name;
    std::string value;
};

// What to set on this machine. Threads are the trainer's own (one replica of the model each), so every
// library below it stays at one:
//   OMP_NUM_THREADS=1, OPENBLAS_NUM_THREADS=1
//   OMP_WAIT_POLICY=passive         libgomp's spinning costs a factor of 30 when the machine is shared
//   OPENBLAS_CORETYPE               OpenBLAS 0.3.21 takes a CPU newer than itself for a Prescott (SSE3: 34
//                                   GFLOP/s where SKYLAKEX does 166); set only to what cpuid confirms
//   ATEN_CPU_CAPABILITY=avx512      ATen stays at AVX2 by default; only with avx512f and its company
std::vector<EnvironmentVariable> launch_environment();

}  // namespace capstan::trainer
