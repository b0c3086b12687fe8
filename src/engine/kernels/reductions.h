#pragma once

// Whole rows of numbers made small: what choosing a token among a vocabulary needs. As everywhere in this
// part, the versions differ by rounding, and each depends on its own input only.

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/kernels/kernels.h"

namespace capstan::engine::kernels {

// Sums are made of the sums of blocks, in order.
inline constexpr std::int64_t kReductionBlock = 1024;

struct Largest {
    float value = 0;
    std::int64_t index = 0;  // The first of equals.
};

// e^((x[i] - shift) · scale), where scale > 0 and no x is above the shift but by rounding; 0 where that is
// under 2^-125, as for a minus infinity.
struct ExpWork {
    const float* x = nullptr;
    std::int64_t count = 0;
    float shift = 0;
    float scale = 1;
};

struct ReductionTable {
    // Of at least one number, none of them NaN.
    Largest (*largest)(const float* x, std::int64_t count);
    // The sum; `block_sums`, unless null, gets that of each block of kReductionBlock, the last one shorter.
    double (*exp_sum)(const ExpWork& work, double* block_sums);
    void (*exps)(const ExpWork& work, float* out);
    // Writes the indices of the numbers that are at least `least`, in order, and returns how many there are:
    // only the first `room` are written.
    std::int64_t (*collect)(std::span<const float> x, float least, std::span<std::int32_t> room);
    // The largest of each block of 32; the last block may be shorter.
    void (*block_largest)(const float* x, std::int64_t count, float* out);
    // out[i] = x[i] where bit i % 64 of bits[i / 64] is set, else minus infinity.
    void (*mask)(std::span<const float> x, const std::uint64_t* bits, float* out);
    bool (*all_finite)(const float* x, std::int64_t count);
};

inline constexpr std::int64_t kLargestBlock = 32;

// `isa` must be supported (kernels.h).
const ReductionTable& reductions_for(Isa isa);
const ReductionTable& best_reductions();

#if defined(__x86_64__)
extern const ReductionTable kAvx2Reductions;
extern const ReductionTable kAvx512Reductions;
#elif defined(__aarch64__)
extern const ReductionTable kNeonReductions;
#endif

}  // namespace capstan::engine::kernels
