#pragma once

// How a vector version S (linear_simd_*.h) reads each packed format: the headers and scales of kRows rows,
// and their codes, two quads of columns at a time. `row` is the first row within the tile. Include only
// between target pragmas.

#include "engine/kernels/linear_format.h"
#include "engine/kernels/linear_quantise.h"

namespace capstan::engine::kernels {

inline constexpr std::int8_t kFp4Codes[16] = {16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4};

template <class S>
struct RowScales {
    typename S::Floats scale;
    typename S::Floats minimum;
};

// Step `kStep` of a group gives quads kStep and kStep + kSteps, where a group has 2 · kSteps.
template <class S>
struct QuadPair {
    typename S::Ints first;
    typename S::Ints second;
};

template <class S>
struct Codes16 {
    static constexpr int kSteps = 8;  // Pairs of columns in place of quads.

    template <int kStep>
    static QuadPair<S> load(const std::byte* codes) {
        return {S::load(codes + kStep * 64), S::load(codes + (kStep + kSteps) * 64)};
    }
};

template <class S>
struct Codes8 {
    static constexpr int kSteps = 4;
    static constexpr int kCodeMax = 255;

    template <int kStep>
    static QuadPair<S> load(const std::byte* codes) {
        return {S::load(codes + kStep * 64), S::load(codes + (kStep + kSteps) * 64)};
    }
};

template <class S>
struct Codes4 {
    static constexpr int kSteps = 4;
    static constexpr int kCodeMax = 15;

    template <int kStep>
    static QuadPair<S> load(const std::byte* codes) {
        const auto both = S::load(codes + kStep * 64);
        return {S::low_nibbles(both), S::high_nibbles(both)};
    }
};

template <class S>
struct CodesFp4 {
    static constexpr int kSteps = 4;
    static constexpr int kCodeMax = 28;

    template <int kStep>
    static QuadPair<S> load(const std::byte* codes) {
        const auto pair = Codes4<S>::template load<kStep>(codes);
        return {S::look_up(kFp4Codes, pair.first), S::look_up(kFp4Codes, pair.second)};
    }
};

template <class S>
struct Codes5 {
    static constexpr int kSteps = 4;
    static constexpr int kCodeMax = 31;

    template <int kStep>
    static QuadPair<S> load(const std::byte* codes) {
        const auto pair = Codes4<S>::template load<kStep>(codes);
        const auto fifths = S::load(codes + 256);
        return {
            S::template or_bits<4 - kStep, 16>(pair.first, fifths),
            S::template or_bits<0 - kStep, 16>(pair.second, fifths)
        };
    }
};

template <class S>
struct Codes6 {
    static constexpr int kSteps = 2;
    static constexpr int kCodeMax = 63;

    template <int kStep>
    static QuadPair<S> load(const std::byte* codes) {
        const auto pair = Codes4<S>::template load<kStep>(codes);
        const auto above = S::load(codes + 128);
        return {
            S::template or_bits<4 - 2 * kStep, 48>(pair.first, above),
            S::template or_bits<0 - 2 * kStep, 48>(pair.second, above)
        };
    }
};

// A format: its layout, its codes, and what is true of all its groups.
template <class S, PackedFormat kOf, class CodesOf, bool kMinimum, int kOffsetIndex>
struct FormatOf {
    using Codes = CodesOf;
    static constexpr PackedFormat kFormat = kOf;
    static constexpr TileLayout kLayout = layout_of(kOf);
    static constexpr bool kHasMinimum = kMinimum;
    static constexpr int kOffset = kOffsetIndex;  // Into InputArrays::offsets, or -1.

    // What the groups of a block share; without a header nothing is read.
    static RowScales<S> header(const std::byte* block, std::int64_t row) {
        RowScales<S> result = {};
        if constexpr (kLayout.header_bytes > 0) {
            result.scale = S::load_f16(block + row * 2);
        }
        if constexpr (kLayout.header_bytes == 64) {
            result.minimum = S::load_f16(block + 32 + row * 2);
        }
        return result;
    }

    static RowScales<S> scales(const RowScales<S>& header, const std::byte* group, std::int64_t row) {
        if constexpr (kFormat == PackedFormat::kQ6K) {
            return {S::mul(header.scale, S::load_s8(group + row)), {}};
        } else if constexpr (kLayout.header_bytes > 0) {
            return {
                S::mul(header.scale, S::load_u8(group + row)),
                S::mul(header.minimum, S::load_u8(group + 16 + row))
            };
        } else if constexpr (kFormat == PackedFormat::kMxfp4) {
            return {S::load_e8m0(group + row), {}};
        } else if constexpr (kFormat == PackedFormat::kInt16) {
            return {S::load_bf16(group + row * 2), {}};
        } else if constexpr (kHasMinimum) {
            return {S::load_f16(group + row * 2), S::load_f16(group + 32 + row * 2)};
        } else {
            return {S::load_f16(group + row * 2), {}};
        }
    }
};

constexpr int index_of(Offset offset) {
    return static_cast<int>(offset);
}

template <class S>
using FormatInt16 = FormatOf<S, PackedFormat::kInt16, Codes16<S>, false, -1>;
template <class S>
using FormatQ8_0 = FormatOf<S, PackedFormat::kQ8_0, Codes8<S>, false, index_of(Offset::kBy128)>;
template <class S>
using FormatQ4_0 = FormatOf<S, PackedFormat::kQ4_0, Codes4<S>, false, index_of(Offset::kBy8)>;
template <class S>
using FormatQ4_1 = FormatOf<S, PackedFormat::kQ4_1, Codes4<S>, true, -1>;
template <class S>
using FormatQ5_0 = FormatOf<S, PackedFormat::kQ5_0, Codes5<S>, false, index_of(Offset::kBy16)>;
template <class S>
using FormatQ5_1 = FormatOf<S, PackedFormat::kQ5_1, Codes5<S>, true, -1>;
template <class S>
using FormatQ4K = FormatOf<S, PackedFormat::kQ4K, Codes4<S>, true, -1>;
template <class S>
using FormatQ5K = FormatOf<S, PackedFormat::kQ5K, Codes5<S>, true, -1>;
template <class S>
using FormatQ6K = FormatOf<S, PackedFormat::kQ6K, Codes6<S>, false, index_of(Offset::kBy32)>;
template <class S>
using FormatMxfp4 = FormatOf<S, PackedFormat::kMxfp4, CodesFp4<S>, false, index_of(Offset::kBy16)>;

}  // namespace capstan::engine::kernels
