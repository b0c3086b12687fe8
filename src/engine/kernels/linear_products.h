#pragma once

// The products of linear_table.h for any vector version S (linear_simd_*.h). Include only between target
// pragmas.
//
// A kernel multiplies S::kRows rows of a tile with a block of up to S::kTokens inputs, whose sums stay in
// registers from the first column to the last. Weights stream from memory once; further blocks of inputs find
// them in the second-level cache.

#include <utility>

#include "engine/kernels/linear_pair_sums.h"
#include "engine/kernels/linear_quantise.h"
#include "engine/kernels/linear_unroll.h"
#include "engine/kernels/linear_weights.h"

namespace capstan::engine::kernels {

// Weights are asked for so many bytes before they are needed; the hardware alone reads half as fast.
inline constexpr std::int64_t kPrefetchBytes = 6 * 1024;
// With few inputs, where memory is the bound, they are asked for twice: to come into the second-level cache,
// and then into the first, which has few places for what is on its way. Formats below 8 bits gain 10 to 15 %.
inline constexpr std::int64_t kFarPrefetchBytes = 8 * 1024;
inline constexpr std::int64_t kNearPrefetchBytes = 2 * 1024;
inline constexpr int kTwicePrefetchedTokens = 8;
// Seen on Zen 3, where S::kAsksOnce: the hardware brings nearly all, and needs to be asked only for what is
// next, and only the first time; 5 % more than asking twice.
inline constexpr std::int64_t kOncePrefetchBytes = 1024;
// The same for inputs, in groups.
inline constexpr std::int64_t kGroupsAhead = 8;
// Inputs of one pass over the weights: a part of a second-level cache.
inline constexpr std::int64_t kPassBytes = 512 * 1024;
inline constexpr std::int64_t kPassTokens = 240;  // Whole blocks of any version.
// Tiles whose results are gathered when there are many inputs.
inline constexpr std::int64_t kGatheredTiles = 8;
inline constexpr std::int64_t kGatheredTokensMin = 32;

template <class S>
struct TileWork {
    const std::byte* weights = nullptr;  // Of the tile.
    std::int64_t row = 0;                // The first of S::kRows, within the tile.
    std::int64_t blocks = 0;             // Of the format; for kF32, columns.
    InputBlock x;
    float* y = nullptr;
    std::int64_t y_stride = 0;
    std::int64_t rows = 0;       // That exist, of S::kRows.
    bool is_read_again = false;  // The weights: they are in a cache.
};

// Sums of one group (or half of one, in Q6_K).
template <class S, class F, int kT>
struct GroupProduct {
    using Ints = typename S::Ints;
    using Floats = typename S::Floats;
    static constexpr bool kIsInt16 = F::kFormat == PackedFormat::kInt16;
    static constexpr std::int64_t kRowBytes = kIsInt16 ? 64 : 32;  // Of a row's codes in a group.
    static constexpr bool kIsWide = F::kFormat == PackedFormat::kQ8_0;
    static constexpr bool kHasOffset = F::kOffset >= 0 && !(kIsWide && S::kWideIsSigned);
    static constexpr std::int64_t kStepBytes = F::Codes::kSteps * 4;

    [[gnu::always_inline]] static Ints dot(Ints sums, Ints weights, const std::byte* x) {
        if constexpr (kIsInt16) {
            return S::dot2(sums, weights, x);
        } else {
            return S::template dot4 < F::kFormat == PackedFormat::kQ8_0 > (sums, weights, x);
        }
    }

    template <int kStep>
    [[gnu::always_inline]] static void step(const std::byte* weights, const std::byte* x, Ints (&sums)[kT]) {
        const QuadPair<S> pair = F::Codes::template load<kStep>(weights);
        CAPSTAN_UNROLL
        for (int t = 0; t < kT; ++t) {
            sums[t] = dot(sums[t], pair.first, x + t * kRowBytes + kStep * 4);
        }
        CAPSTAN_UNROLL
        for (int t = 0; t < kT; ++t) {
            sums[t] = dot(sums[t], pair.second, x + t * kRowBytes + kStepBytes + kStep * 4);
        }
    }

    template <int... kStep>
    [[gnu::always_inline]] static void
    steps(const std::byte* weights, const std::byte* x, Ints (&sums)[kT], std::integer_sequence<int, kStep...>) {
        (step<kStep>(weights, x, sums), ...);
    }

    [[gnu::always_inline]] static void run(
        const std::byte* weights, const std::byte* x, const std::int32_t* offsets, Ints (&sums)[kT]
    ) {
        CAPSTAN_UNROLL
        for (int t = 0; t < kT; ++t) {
            sums[t] = S::all(kHasOffset ? offsets[t] : 0);
        }
        if constexpr (S::kSumsPairs && !kIsInt16 && !kIsWide) {
            PairSums<S, typename F::Codes, kT>::run(weights, x, sums);
        } else {
            steps(weights, x, sums, std::make_integer_sequence<int, F::Codes::kSteps>());
        }
    }
};

template <class S, class F, int kT>
struct TileProduct {
    using Group = GroupProduct<S, F, kT>;
    using Floats = typename S::Floats;
    static constexpr TileLayout kLayout = F::kLayout;
    static constexpr int kParts = kGroupColumns / kLayout.group_columns;

    // Few inputs stay in the first-level cache by themselves.
    [[gnu::always_inline]] static void ask_for_inputs(const InputBlock& x) {
        if constexpr (kT > 4) {
            constexpr std::int64_t kBytes = kT * Group::kRowBytes;
            CAPSTAN_UNROLL
            for (std::int64_t line = 0; line < kBytes; line += 64) {
                S::prefetch(x.codes + line + kBytes * kGroupsAhead);
            }
            S::prefetch(reinterpret_cast<const std::byte*>(x.scales + kT * kGroupsAhead));
            if constexpr (F::kOffset >= 0) {
                S::prefetch(
                    reinterpret_cast<const std::byte*>(x.offsets[F::kOffset] + kT * kParts * kGroupsAhead)
                );
            }
        }
    }

    // The group as far behind this one.
    [[gnu::always_inline]] static void ask_for_weights(const std::byte* group) {
        CAPSTAN_UNROLL
        for (std::int64_t line = 0; line < kLayout.group_bytes(); line += 64) {
            if constexpr (S::kAsksOnce) {
                S::prefetch(group + line + kOncePrefetchBytes);
            } else if constexpr (kT <= kTwicePrefetchedTokens) {
                __builtin_prefetch(group + line + kFarPrefetchBytes, 0, 2);
                S::prefetch(group + line + kNearPrefetchBytes);
            } else {
                S::prefetch(group + line + kPrefetchBytes);
            }
        }
    }

    // One group of inputs, which is one or two of weights.
    [[gnu::always_inline]] static void add_group(
        const RowScales<S>& header, const std::byte* group, const TileWork<S>& work, Floats (&sums)[kT]
    ) {
        const InputBlock& x = work.x;
        ask_for_inputs(x);
        CAPSTAN_UNROLL
        for (int part = 0; part < kParts; ++part) {
            const std::byte* weights = group + part * kLayout.group_bytes();
            if (!S::kAsksOnce || !work.is_read_again) {
                ask_for_weights(weights);
            }
            const RowScales<S> scales = F::scales(header, weights, work.row);
            typename S::Ints products[kT];
            Group::run(
                weights + kLayout.scale_bytes + work.row * 4,
                x.codes + part * Group::kRowBytes / kParts,
                F::kOffset < 0 ? nullptr : x.offsets[F::kOffset < 0 ? 0 : F::kOffset] + part * kT,
                products
            );
            CAPSTAN_UNROLL
            for (int t = 0; t < kT; ++t) {
                const Floats product = S::mul(S::to_floats(products[t]), scales.scale);
                sums[t] = S::fma(S::all(x.scales[t]), product, sums[t]);
                if constexpr (F::kHasMinimum) {
                    sums[t] = S::fnma(scales.minimum, S::all(x.sums[t]), sums[t]);
                }
            }
        }
    }

    [[gnu::always_inline]] static void advance(InputBlock& x) {
        x.codes += kT * Group::kRowBytes;
        x.scales += kT;
        if constexpr (F::kHasMinimum) {
            x.sums += kT;
        }
        if constexpr (F::kOffset >= 0) {
            x.offsets[F::kOffset] += kT * kParts;
        }
    }

    static void run(const TileWork<S>& given) {
        TileWork<S> work = given;
        Floats sums[kT];
        CAPSTAN_UNROLL
        for (int t = 0; t < kT; ++t) {
            sums[t] = S::all(0.0F);
        }
        const std::byte* at = work.weights;
        for (std::int64_t block = 0; block < work.blocks; ++block) {
            const RowScales<S> header = F::header(at, work.row);
            at += kLayout.header_bytes;
#pragma clang loop unroll(disable)
            for (std::int64_t column = 0; column < kLayout.block_columns; column += kGroupColumns) {
                add_group(header, at, work, sums);
                advance(work.x);
                at += kParts * kLayout.group_bytes();
            }
        }
        CAPSTAN_UNROLL
        for (int t = 0; t < kT; ++t) {
            S::store(work.y + t * work.y_stride, sums[t], work.rows);
        }
    }
};

// F32: one product a column and row.
template <class S, int kT>
struct FloatTileProduct {
    using Floats = typename S::Floats;

    [[gnu::always_inline]] static void add_columns(
        const std::byte* weights, const float* x, std::int64_t count, Floats (&sums)[kT]
    ) {
        Floats run[kT];
        CAPSTAN_UNROLL
        for (int t = 0; t < kT; ++t) {
            run[t] = S::all(0.0F);
        }
        for (std::int64_t column = 0; column < count; ++column) {
            S::prefetch(weights + kPrefetchBytes);
            const Floats row = S::load_floats(weights);
            CAPSTAN_UNROLL
            for (int t = 0; t < kT; ++t) {
                run[t] = S::fma(row, S::all(x[t]), run[t]);
            }
            weights += 64;
            x += kT;
        }
        CAPSTAN_UNROLL
        for (int t = 0; t < kT; ++t) {
            sums[t] = S::add(sums[t], run[t]);
        }
    }

    static void run(const TileWork<S>& work) {
        Floats sums[kT];
        CAPSTAN_UNROLL
        for (int t = 0; t < kT; ++t) {
            sums[t] = S::all(0.0F);
        }
        for (std::int64_t column = 0; column < work.blocks; column += kFloatRun) {
            const std::int64_t rest = work.blocks - column;
            add_columns(
                work.weights + column * 64 + work.row * 4,
                work.x.floats + column * kT,
                rest < kFloatRun ? rest : kFloatRun,
                sums
            );
        }
        CAPSTAN_UNROLL
        for (int t = 0; t < kT; ++t) {
            S::store(work.y + t * work.y_stride, sums[t], work.rows);
        }
    }
};

template <class S>
using TileFunction = void (*)(const TileWork<S>&);

template <class S, class F, int... kT>
TileFunction<S> tile_function_of(std::int64_t tokens, std::integer_sequence<int, kT...>) {
    static constexpr TileFunction<S> kFunctions[] = {TileProduct<S, F, kT + 1>::run...};
    return kFunctions[tokens - 1];
}

template <class S, int... kT>
TileFunction<S> float_tile_function_of(std::int64_t tokens, std::integer_sequence<int, kT...>) {
    static constexpr TileFunction<S> kFunctions[] = {FloatTileProduct<S, kT + 1>::run...};
    return kFunctions[tokens - 1];
}

template <class S>
TileFunction<S> tile_function(PackedFormat format, std::int64_t tokens) {
    constexpr auto kSequence = std::make_integer_sequence<int, S::kTokens>();
    switch (format) {
        case PackedFormat::kF32:
            return float_tile_function_of<S>(tokens, kSequence);
        case PackedFormat::kInt16:
            return tile_function_of<S, FormatInt16<S>>(tokens, kSequence);
        case PackedFormat::kQ8_0:
            return tile_function_of<S, FormatQ8_0<S>>(tokens, kSequence);
        case PackedFormat::kQ4_0:
            return tile_function_of<S, FormatQ4_0<S>>(tokens, kSequence);
        case PackedFormat::kQ4_1:
            return tile_function_of<S, FormatQ4_1<S>>(tokens, kSequence);
        case PackedFormat::kQ5_0:
            return tile_function_of<S, FormatQ5_0<S>>(tokens, kSequence);
        case PackedFormat::kQ5_1:
            return tile_function_of<S, FormatQ5_1<S>>(tokens, kSequence);
        case PackedFormat::kQ4K:
            return tile_function_of<S, FormatQ4K<S>>(tokens, kSequence);
        case PackedFormat::kQ5K:
            return tile_function_of<S, FormatQ5K<S>>(tokens, kSequence);
        case PackedFormat::kQ6K:
            return tile_function_of<S, FormatQ6K<S>>(tokens, kSequence);
        case PackedFormat::kMxfp4:
            return tile_function_of<S, FormatMxfp4<S>>(tokens, kSequence);
    }
    return nullptr;
}

// Where a tile's results go.
struct ResultRows {
    float* at = nullptr;  // Of the tile's first row, and of the first input.
    std::int64_t stride = 0;
};

// Inputs [begin, end).
struct TokenRange {
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

template <class S>
void multiply_tile(
    const ProductWork& work, std::int64_t tile, const TokenRange& tokens, const ResultRows& to
) {
    const TileLayout layout = layout_of(work.format);
    const std::int64_t first = tile * kTileRows;
    TileWork<S> part;
    part.weights = work.tiles + tile * layout.tile_bytes(work.columns);
    part.blocks = layout.blocks(work.columns);
    part.y_stride = to.stride;
    for (std::int64_t token = tokens.begin; token < tokens.end; token += S::kTokens) {
        const std::int64_t block_end = tokens.end - token < S::kTokens ? tokens.end : token + S::kTokens;
        part.x = block_at(
            work.x,
            {.form = input_form_of(work.format), .columns = work.columns, .begin = token, .end = block_end}
        );
        const TileFunction<S> function = tile_function<S>(work.format, block_end - token);
        for (part.row = 0; part.row < kTileRows && first + part.row < work.rows; part.row += S::kRows) {
            part.y = to.at + (token - tokens.begin) * to.stride + part.row;
            part.rows = work.rows - first - part.row;
            function(part);
        }
        part.is_read_again = true;
    }
}

// Many inputs: neighbouring tiles gather their results, which then move to y in longer runs. A store for each
// row of 16 would go to another page each time, at the same place in it, and hold up the loads behind it.
template <class S>
void multiply_gathered(
    const ProductWork& work, std::int64_t tile, std::int64_t tile_end, const TokenRange& tokens
) {
    constexpr std::int64_t kStride = kGatheredTiles * kTileRows;
    alignas(64) float results[kPassTokens * kStride];
    for (std::int64_t i = tile; i < tile_end; ++i) {
        multiply_tile<S>(work, i, tokens, {.at = results + (i - tile) * kTileRows, .stride = kStride});
    }
    const std::int64_t first = tile * kTileRows;
    const std::int64_t last = tile_end * kTileRows < work.rows ? tile_end * kTileRows : work.rows;
    for (std::int64_t token = tokens.begin; token < tokens.end; ++token) {
        std::memcpy(
            work.y + token * work.rows + first,
            results + (token - tokens.begin) * kStride,
            static_cast<std::size_t>(last - first) * sizeof(float)
        );
    }
}

// In passes over the weights, so that the inputs of one stay in the cache.
template <class S>
void vector_multiply(const ProductWork& work) {
    const std::int64_t column_bytes = work.format == PackedFormat::kF32     ? 4
                                      : work.format == PackedFormat::kInt16 ? 2
                                                                            : 1;
    const std::int64_t fitting = kPassBytes / (work.columns * column_bytes + 1);
    const std::int64_t most = fitting < kPassTokens ? fitting : kPassTokens;
    const std::int64_t pass = most < S::kTokens ? S::kTokens : most / S::kTokens * S::kTokens;
    for (std::int64_t begin = 0; begin < work.tokens; begin += pass) {
        const TokenRange tokens = {
            .begin = begin, .end = work.tokens - begin < pass ? work.tokens : begin + pass
        };
        const bool is_gathered = tokens.end - tokens.begin >= kGatheredTokensMin;
        const std::int64_t step = is_gathered ? kGatheredTiles : 1;
        for (std::int64_t tile = work.tile_begin; tile < work.tile_end; tile += step) {
            if (is_gathered) {
                const std::int64_t end = work.tile_end - tile < step ? work.tile_end : tile + step;
                multiply_gathered<S>(work, tile, end, tokens);
            } else {
                float* y = work.y + begin * work.rows + tile * kTileRows;
                multiply_tile<S>(work, tile, tokens, {.at = y, .stride = work.rows});
            }
        }
    }
}

template <class S>
void vector_quantise(const QuantiseWork& work) {
    quantise_blocks(work, S::kTokens, S::quantise_group);
}

}  // namespace capstan::engine::kernels
