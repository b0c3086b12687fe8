// The scalar versions, which define the others, and the choice among them.

#include "engine/kernels/reductions.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace capstan::engine::kernels {
namespace {

float exp_of(const ExpWork& work, std::int64_t i) {
    const float v = (work.x[i] - work.shift) * work.scale;
    return v < -86.0F ? 0.0F : std::exp(v);
}

Largest largest(const float* x, std::int64_t count) {
    const auto* found = std::max_element(x, x + count);
    return {.value = *found, .index = found - x};
}

double exp_sum(const ExpWork& work, double* block_sums) {
    double total = 0;
    for (std::int64_t begin = 0; begin < work.count; begin += kReductionBlock) {
        double sum = 0;
        for (std::int64_t i = begin; i < std::min(begin + kReductionBlock, work.count); ++i) {
            sum += static_cast<double>(exp_of(work, i));
        }
        if (block_sums != nullptr) {
            block_sums[begin / kReductionBlock] = sum;
        }
        total += sum;
    }
    return total;
}

void exps(const ExpWork& work, float* out) {
    for (std::int64_t i = 0; i < work.count; ++i) {
        out[i] = exp_of(work, i);
    }
}

std::int64_t collect(std::span<const float> x, float least, std::span<std::int32_t> room) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (x[i] >= least) {
            if (found < room.size()) {
                room[found] = static_cast<std::int32_t>(i);
            }
            ++found;
        }
    }
    return static_cast<std::int64_t>(found);
}

void block_largest(const float* x, std::int64_t count, float* out) {
    for (std::int64_t begin = 0; begin < count; begin += kLargestBlock) {
        *out++ = *std::max_element(x + begin, x + std::min(begin + kLargestBlock, count));
    }
}

void mask(std::span<const float> x, const std::uint64_t* bits, float* out) {
    for (std::size_t i = 0; i < x.size(); ++i) {
        out[i] = ((bits[i / 64] >> (i % 64)) & 1U) != 0 ? x[i] : -INFINITY;
    }
}

bool all_finite(const float* x, std::int64_t count) {
    return std::all_of(x, x + count, [](float v) { return std::isfinite(v); });
}

constexpr ReductionTable kScalarReductions = {
    .largest = largest,
    .exp_sum = exp_sum,
    .exps = exps,
    .collect = collect,
    .block_largest = block_largest,
    .mask = mask,
    .all_finite = all_finite,
};

}  // namespace

const ReductionTable& reductions_for(Isa isa) {
    const std::vector<Isa> isas = supported_isas();
    CHECK(std::ranges::find(isas, isa) != isas.end(), "this processor cannot run these kernels");
    switch (isa) {
#if defined(__x86_64__)
        case Isa::kAvx2:
            return kAvx2Reductions;
        case Isa::kAvx512:
            return kAvx512Reductions;
#elif defined(__aarch64__)
        case Isa::kNeon:
            return kNeonReductions;
#endif
        default:
            return kScalarReductions;
    }
}

const ReductionTable& best_reductions() {
    static const ReductionTable& best = reductions_for(supported_isas().back());
    return best;
}

}  // namespace capstan::engine::kernels
