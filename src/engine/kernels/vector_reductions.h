#pragma once

// The reductions for any vector type L: a type of simd_avx2.h or simd_avx512.h that also compares.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

#include "engine/kernels/reductions.h"
#include "engine/kernels/vector_kernels.h"

namespace capstan::engine::kernels {

template <class L>
float vector_largest_value(const float* x, std::int64_t count) {
    float value = x[0];
    std::int64_t i = 0;
    if (count >= 4 * L::kWidth) {
        typename L::Vector lanes[4] = {
            L::load(x), L::load(x + L::kWidth), L::load(x + 2 * L::kWidth), L::load(x + 3 * L::kWidth)
        };
        for (i = 4 * L::kWidth; i + 4 * L::kWidth <= count; i += 4 * L::kWidth) {
#pragma clang loop unroll(full)
            for (int k = 0; k < 4; ++k) {
                lanes[k] = L::max(lanes[k], L::load(x + i + k * L::kWidth));
            }
        }
        value = L::largest(L::max(L::max(lanes[0], lanes[1]), L::max(lanes[2], lanes[3])));
    }
    for (; i < count; ++i) {
        value = x[i] > value ? x[i] : value;
    }
    return value;
}

// Looks for the place only in the first part that has the largest value.
template <class L>
Largest vector_largest(const float* x, std::int64_t count) {
    constexpr std::int64_t kPart = 4096;
    Largest best = {.value = x[0], .index = 0};
    std::int64_t part = 0;
    for (std::int64_t begin = 0; begin < count; begin += kPart) {
        const std::int64_t size = count - begin < kPart ? count - begin : kPart;
        const float value = vector_largest_value<L>(x + begin, size);
        if (value > best.value) {
            best.value = value;
            part = begin;
        }
    }
    while (x[part] != best.value) {
        ++part;
    }
    best.index = part;
    return best;
}

template <class L>
typename L::Vector vector_exp_of(typename L::Vector x, typename L::Vector shift, typename L::Vector scale) {
    const auto v = L::mul(L::sub(x, shift), scale);
    return L::zero_where_below(vector_exp<L>(v), v, L::all(-86.0F));
}

// Calls use(i, exps, how many of them count) for each vector of the work from `begin` to `end`.
template <class L, typename Use>
void vector_each_exp(const ExpWork& work, std::int64_t begin, std::int64_t end, const Use& use) {
    const auto shift = L::all(work.shift);
    const auto scale = L::all(work.scale);
    std::int64_t i = begin;
    for (; i + L::kWidth <= end; i += L::kWidth) {
        use(i, vector_exp_of<L>(L::load(work.x + i), shift, scale), L::kWidth);
    }
    if (i < end) {
        use(i, vector_exp_of<L>(L::load_part(work.x + i, end - i), shift, scale), end - i);
    }
}

template <class L>
double vector_exp_sum(const ExpWork& work, double* block_sums) {
    double total = 0;
    for (std::int64_t begin = 0; begin < work.count; begin += kReductionBlock) {
        const std::int64_t end = work.count - begin < kReductionBlock ? work.count : begin + kReductionBlock;
        auto sums = L::zero();
        float rest = 0;
        vector_each_exp<L>(work, begin, end, [&](std::int64_t, typename L::Vector e, std::int64_t count) {
            if (count == L::kWidth) {
                sums = L::add(sums, e);
            } else {
                float part[L::kWidth];
                L::store_part(part, e, count);
                for (std::int64_t k = 0; k < count; ++k) {
                    rest += part[k];
                }
            }
        });
        const double sum = static_cast<double>(L::sum(sums)) + static_cast<double>(rest);
        if (block_sums != nullptr) {
            block_sums[begin / kReductionBlock] = sum;
        }
        total += sum;
    }
    return total;
}

template <class L>
void vector_exps(const ExpWork& work, float* out) {
    vector_each_exp<L>(work, 0, work.count, [&](std::int64_t i, typename L::Vector e, std::int64_t count) {
        if (count == L::kWidth) {
            L::store(out + i, e);
        } else {
            L::store_part(out + i, e, count);
        }
    });
}

template <class L>
std::int64_t vector_collect(std::span<const float> x, float least, std::span<std::int32_t> room) {
    const auto limit = L::all(least);
    const auto count = static_cast<std::int64_t>(x.size());
    const auto space = static_cast<std::int64_t>(room.size());
    std::int64_t found = 0;
    std::int64_t i = 0;
    for (; i + L::kWidth <= count; i += L::kWidth) {
        for (std::uint32_t bits = L::at_least(L::load(x.data() + i), limit); bits != 0; bits &= bits - 1) {
            if (found < space) {
                room.data()[found] = static_cast<std::int32_t>(i + __builtin_ctz(bits));
            }
            ++found;
        }
    }
    for (; i < count; ++i) {
        if (x.data()[i] >= least) {
            if (found < space) {
                room.data()[found] = static_cast<std::int32_t>(i);
            }
            ++found;
        }
    }
    return found;
}

template <class L>
void vector_block_largest(const float* x, std::int64_t count, float* out) {
    static_assert(kLargestBlock % L::kWidth == 0);
    std::int64_t i = 0;
    for (; i + kLargestBlock <= count; i += kLargestBlock) {
        auto lanes = L::load(x + i);
#pragma clang loop unroll(full)
        for (std::int64_t k = L::kWidth; k < kLargestBlock; k += L::kWidth) {
            lanes = L::max(lanes, L::load(x + i + k));
        }
        *out++ = L::largest(lanes);
    }
    if (i < count) {
        float value = x[i];
        for (; i < count; ++i) {
            value = x[i] > value ? x[i] : value;
        }
        *out = value;
    }
}

template <class L>
void vector_mask(std::span<const float> x, const std::uint64_t* bits, float* out) {
    const auto count = static_cast<std::int64_t>(x.size());
    const float minus_infinity = -__builtin_inff();
    std::int64_t i = 0;
    for (; i + L::kWidth <= count; i += L::kWidth) {
        const auto allowed = static_cast<std::uint32_t>(bits[i / 64] >> (i % 64));
        L::store(out + i, L::where(allowed, L::load(x.data() + i), L::all(minus_infinity)));
    }
    for (; i < count; ++i) {
        out[i] = ((bits[i / 64] >> (i % 64)) & 1U) != 0 ? x.data()[i] : minus_infinity;
    }
}

// A number minus itself is 0, but for infinities and NaN.
template <class L>
bool vector_all_finite(const float* x, std::int64_t count) {
    auto bad = L::zero();
    std::int64_t i = 0;
    for (; i + L::kWidth <= count; i += L::kWidth) {
        const auto v = L::load(x + i);
        bad = L::either(bad, L::sub(v, v));
    }
    bool is_finite = L::is_zero(bad);
    for (; i < count; ++i) {
        is_finite = is_finite && x[i] - x[i] == 0;
    }
    return is_finite;
}

template <class L>
constexpr ReductionTable kVectorReductions = {
    .largest = vector_largest<L>,
    .exp_sum = vector_exp_sum<L>,
    .exps = vector_exps<L>,
    .collect = vector_collect<L>,
    .block_largest = vector_block_largest<L>,
    .mask = vector_mask<L>,
    .all_finite = vector_all_finite<L>,
};

}  // namespace capstan::engine::kernels
