#include "engine/files/quantise_k.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "engine/files/data_type.h"

namespace capstan::engine {
namespace {

constexpr int kElements = 256;
constexpr int kGroup = 32;  // Of Q4_K and Q5_K.
constexpr int kGroups = kElements / kGroup;
constexpr int kSmallGroup = 16;  // Of Q6_K.
constexpr int kSmallGroups = kElements / kSmallGroup;
constexpr int kRounds = 2;  // Of least squares behind each first guess.

void store_half(std::byte* at, float value) {
    const std::uint16_t bits = f16_of_float(value);
    std::memcpy(at, &bits, sizeof bits);
}

// The nearest integer within the bounds, as a float. NaN is the lower bound. Adding 1.5 · 2^23 leaves no bits
// behind the point.
float nearest(float value, float low, float high) {
    const float inside = !(value > low) ? low : std::min(value, high);
    constexpr float kShift = 12'582'912.0F;
    return (inside + kShift) - kShift;
}

// x ≈ scale · code - minimum, the minimum at least 0.
struct Fit {
    float scale = 0;
    float minimum = 0;
    float error = std::numeric_limits<float>::infinity();
};

// What a group is fitted to.
struct Group {
    const float* values;
    const float* weights;
};

float error_of(const Group& group, float scale, float minimum, float highest) {
    const float factor = scale == 0 ? 0 : 1 / scale;
    float error = 0;
    for (int i = 0; i < kGroup; ++i) {
        const float code = nearest((group.values[i] + minimum) * factor, 0, highest);
        const float missing = scale * code - minimum - group.values[i];
        error += group.weights[i] * missing * missing;
    }
    return error;
}

// The best scale and minimum for the codes that `fit` gives.
Fit refit(const Group& group, const Fit& fit, float highest) {
    const float factor = fit.scale == 0 ? 0 : 1 / fit.scale;
    float w = 0;
    float wx = 0;
    float wq = 0;
    float wqq = 0;
    float wqx = 0;
    for (int i = 0; i < kGroup; ++i) {
        const float x = group.values[i];
        const float q = nearest((x + fit.minimum) * factor, 0, highest);
        const float weight = group.weights[i];
        w += weight;
        wx += weight * x;
        wq += weight * q;
        wqq += weight * q * q;
        wqx += weight * q * x;
    }
    const float determinant = w * wqq - wq * wq;
    Fit better;
    if (determinant > 0) {
        better.scale = (w * wqx - wx * wq) / determinant;
        better.minimum = (wq * wqx - wqq * wx) / determinant;
    }
    if (!(determinant > 0) || better.minimum < 0) {
        better.minimum = 0;
        better.scale = wqq > 0 ? wqx / wqq : 0;
    }
    better.scale = std::max(better.scale, 0.0F);
    better.error = error_of(group, better.scale, better.minimum, highest);
    return better;
}

Fit fit_group(const Group& group, float highest) {
    const auto [least, greatest] = std::minmax_element(group.values, group.values + kGroup);
    const float minimum = std::max(-*least, 0.0F);
    const float range = *greatest + minimum;
    if (!(range > 0)) {
        return {.scale = 0, .minimum = minimum, .error = 0};
    }
    Fit best;
    for (int step = -6; step <= 10; ++step) {
        Fit fit = {.scale = range / (highest + 0.15F * static_cast<float>(step)), .minimum = minimum};
        for (int round = 0; round < kRounds; ++round) {
            fit = refit(group, fit, highest);
            if (fit.error < best.error) {
                best = fit;
            }
        }
    }
    return best;
}

// One block of Q4_K or Q5_K while it is made.
struct Block {
    float scale = 0;    // Of scales; a half.
    float minimum = 0;  // Of minima; a half.
    int scales[kGroups] = {};
    int minima[kGroups] = {};
    int codes[kElements] = {};
};

// Rounded to six bits, then moved by one wherever that is better on the numbers.
void choose_scales(const Group& group, const Fit& fit, float highest, Block& block, int index) {
    const auto six_bits = [](float value, float unit) {
        return unit == 0 ? 0 : static_cast<int>(nearest(value / unit, 0, 63));
    };
    const int scale = six_bits(fit.scale, block.scale);
    const int minimum = six_bits(fit.minimum, block.minimum);
    float best = std::numeric_limits<float>::infinity();
    for (int s = std::max(scale - 1, 0); s <= std::min(scale + 1, 63); ++s) {
        for (int m = std::max(minimum - 1, 0); m <= std::min(minimum + 1, 63); ++m) {
            const float error = error_of(
                group, block.scale * static_cast<float>(s), block.minimum * static_cast<float>(m), highest
            );
            if (error < best) {
                best = error;
                block.scales[index] = s;
                block.minima[index] = m;
            }
        }
    }
    const float group_scale = block.scale * static_cast<float>(block.scales[index]);
    const float group_minimum = block.minimum * static_cast<float>(block.minima[index]);
    const float factor = group_scale == 0 ? 0 : 1 / group_scale;
    for (int i = 0; i < kGroup; ++i) {
        const float code = nearest((group.values[i] + group_minimum) * factor, 0, highest);
        block.codes[index * kGroup + i] = static_cast<int>(code);
    }
}

Block make_block(const float* values, const float* importance, float highest) {
    float even[kElements];
    std::fill_n(even, kElements, 1.0F);
    const float* weights = importance == nullptr ? even : importance;
    Fit fits[kGroups];
    float scale = 0;
    float minimum = 0;
    for (int i = 0; i < kGroups; ++i) {
        fits[i] = fit_group({.values = values + i * kGroup, .weights = weights + i * kGroup}, highest);
        scale = std::max(scale, fits[i].scale);
        minimum = std::max(minimum, fits[i].minimum);
    }
    Block block;
    block.scale = float_of_f16(f16_of_float(scale / 63));
    block.minimum = float_of_f16(f16_of_float(minimum / 63));
    for (int i = 0; i < kGroups; ++i) {
        const Group group = {.values = values + i * kGroup, .weights = weights + i * kGroup};
        choose_scales(group, fits[i], highest, block, i);
    }
    return block;
}

// As unpack_scales (dequantise.h) reads them.
void pack_scales(const Block& block, std::byte* out) {
    for (int i = 0; i < 4; ++i) {
        out[i] = static_cast<std::byte>(block.scales[i] | ((block.scales[i + 4] >> 4) << 6));
        out[i + 4] = static_cast<std::byte>(block.minima[i] | ((block.minima[i + 4] >> 4) << 6));
        out[i + 8] = static_cast<std::byte>((block.scales[i + 4] & 0xF) | ((block.minima[i + 4] & 0xF) << 4));
    }
}

// Two neighbouring groups share 32 bytes.
void pack_nibbles(const Block& block, std::byte* out) {
    for (int pair = 0; pair < kGroups / 2; ++pair) {
        const int* low = block.codes + 2 * pair * kGroup;
        const int* high = low + kGroup;
        for (int i = 0; i < kGroup; ++i) {
            out[pair * kGroup + i] = static_cast<std::byte>((low[i] & 0xF) | ((high[i] & 0xF) << 4));
        }
    }
}

void pack_head(const Block& block, std::byte* out) {
    store_half(out, block.scale);
    store_half(out + 2, block.minimum);
    pack_scales(block, out + 4);
}

struct SmallGroup {
    const float* values;
    const float* weights;
};

float symmetric_error(const SmallGroup& group, float scale) {
    const float factor = scale == 0 ? 0 : 1 / scale;
    float error = 0;
    for (int i = 0; i < kSmallGroup; ++i) {
        const float missing = scale * nearest(group.values[i] * factor, -32, 31) - group.values[i];
        error += group.weights[i] * missing * missing;
    }
    return error;
}

float symmetric_refit(const SmallGroup& group, float scale) {
    const float factor = scale == 0 ? 0 : 1 / scale;
    float wqq = 0;
    float wqx = 0;
    for (int i = 0; i < kSmallGroup; ++i) {
        const float q = nearest(group.values[i] * factor, -32, 31);
        wqq += group.weights[i] * q * q;
        wqx += group.weights[i] * q * group.values[i];
    }
    return wqq > 0 ? wqx / wqq : 0;
}

// The scale may be negative: -32 is one more than 31.
float fit_small_group(const SmallGroup& group) {
    const float extreme = *std::max_element(group.values, group.values + kSmallGroup, [](float a, float b) {
        return std::fabs(a) < std::fabs(b);
    });
    float best = 0;
    float best_error = symmetric_error(group, 0);
    for (int step = -9; step <= 9; ++step) {
        float scale = extreme / (-32 - 0.1F * static_cast<float>(step));
        for (int round = 0; round < kRounds; ++round) {
            scale = symmetric_refit(group, scale);
            const float error = symmetric_error(group, scale);
            if (error < best_error) {
                best_error = error;
                best = scale;
            }
        }
    }
    return best;
}

struct SmallBlock {
    float scale = 0;  // A half.
    int scales[kSmallGroups] = {};
    int codes[kElements] = {};  // 0 to 63.
};

void choose_small_scale(const SmallGroup& group, float fitted, SmallBlock& block, int index) {
    const int rounded = block.scale == 0 ? 0 : static_cast<int>(nearest(fitted / block.scale, -128, 127));
    float best = std::numeric_limits<float>::infinity();
    for (int s = std::max(rounded - 1, -128); s <= std::min(rounded + 1, 127); ++s) {
        const float error = symmetric_error(group, block.scale * static_cast<float>(s));
        if (error < best) {
            best = error;
            block.scales[index] = s;
        }
    }
    const float scale = block.scale * static_cast<float>(block.scales[index]);
    const float factor = scale == 0 ? 0 : 1 / scale;
    for (int i = 0; i < kSmallGroup; ++i) {
        const float code = nearest(group.values[i] * factor, -32, 31);
        block.codes[index * kSmallGroup + i] = static_cast<int>(code) + 32;
    }
}

SmallBlock make_small_block(const float* values, const float* importance) {
    float even[kElements];
    std::fill_n(even, kElements, 1.0F);
    const float* weights = importance == nullptr ? even : importance;
    float fitted[kSmallGroups];
    float extreme = 0;
    for (int i = 0; i < kSmallGroups; ++i) {
        fitted[i] =
            fit_small_group({.values = values + i * kSmallGroup, .weights = weights + i * kSmallGroup});
        extreme = std::fabs(fitted[i]) > std::fabs(extreme) ? fitted[i] : extreme;
    }
    SmallBlock block;
    block.scale = float_of_f16(f16_of_float(extreme / -128));
    for (int i = 0; i < kSmallGroups; ++i) {
        const SmallGroup group = {.values = values + i * kSmallGroup, .weights = weights + i * kSmallGroup};
        choose_small_scale(group, fitted[i], block, i);
    }
    return block;
}

}  // namespace

void write_q4_k_block(const float* values, const float* importance, std::byte* out) {
    const Block block = make_block(values, importance, 15);
    pack_head(block, out);
    pack_nibbles(block, out + 16);
}

void write_q5_k_block(const float* values, const float* importance, std::byte* out) {
    const Block block = make_block(values, importance, 31);
    pack_head(block, out);
    for (int i = 0; i < kGroup; ++i) {
        int fifths = 0;
        for (int group = 0; group < kGroups; ++group) {
            fifths |= (block.codes[group * kGroup + i] >> 4) << group;
        }
        out[16 + i] = static_cast<std::byte>(fifths);
    }
    pack_nibbles(block, out + 48);
}

void write_q6_k_block(const float* values, const float* importance, std::byte* out) {
    const SmallBlock block = make_small_block(values, importance);
    for (int half = 0; half < 2; ++half) {
        for (int i = 0; i < 32; ++i) {
            const int* codes = block.codes + half * 128 + i;  // Its quarters are 32 apart.
            std::byte* low = out + half * 64 + i;
            low[0] = static_cast<std::byte>((codes[0] & 0xF) | ((codes[64] & 0xF) << 4));
            low[32] = static_cast<std::byte>((codes[32] & 0xF) | ((codes[96] & 0xF) << 4));
            out[128 + half * 32 + i] = static_cast<std::byte>(
                (codes[0] >> 4) | ((codes[32] >> 4) << 2) | ((codes[64] >> 4) << 4) | ((codes[96] >> 4) << 6)
            );
        }
    }
    for (int i = 0; i < kSmallGroups; ++i) {
        out[192 + i] = static_cast<std::byte>(block.scales[i]);
    }
    store_half(out + 208, block.scale);
}

}  // namespace capstan::engine
