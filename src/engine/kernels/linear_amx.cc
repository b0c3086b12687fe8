// The products of many inputs for AMX with 8 bits: its tiles take a group of a packed tile as it lies, 16
// rows of 8 quads, and 12 inputs at a time. Few inputs, and formats that are not of 8 bits, are AVX-512's.
// Only this file is compiled for AMX, by the pragma below; linear_table.cc asks the processor, and the
// system, before it calls anything here.

#if defined(__x86_64__)

// What is included before the pragma is compiled for every processor: nothing of it may be inlined into
// others as AMX.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/kernels/linear_quantise.h"
#include "engine/kernels/linear_table.h"

namespace capstan::engine::kernels {

bool ask_for_amx() {
    constexpr unsigned kTileAndInt8 = 3U << 24;  // Of CPUID 7.
    constexpr unsigned kTileStates = 3U << 17;   // Of XCR0: the system keeps tiles.
    constexpr long kAskForState = 0x1023;        // ARCH_REQ_XCOMP_PERM
    constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kTileAndInt8) != kTileAndInt8) {
        return false;
    }
    unsigned low = 0;
    unsigned high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & kTileStates) == kTileStates && syscall(SYS_arch_prctl, kAskForState, kTileData) == 0;
}

}  // namespace capstan::engine::kernels

#pragma clang attribute push(                                                                               \
    __attribute__((target("amx-tile,amx-int8,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")) \
    ),                                                                                                      \
    apply_to = function                                                                                     \
)

#include "engine/kernels/linear_simd_avx512.h"
#include "engine/kernels/linear_weights.h"

namespace capstan::engine::kernels {
namespace {

// A type of its own, so that no other file has these functions.
struct AmxVectors : LinearAvx512 {};

constexpr std::int64_t kTokens = LinearAvx512::kTokens;  // Inputs lie as for AVX-512.
// Weights of less than 8 bits are made bytes for so many columns at a time, which a first-level cache holds.
constexpr std::int64_t kUnpackedColumns = 1024;
// Inputs of one pass over the weights, whole blocks.
constexpr std::int64_t kPassTokensMost = 240;

// Tile 0 has sums, 1 inputs and 2 weights; linear_format.h has why a group's weights are already as they
// should be.
struct alignas(64) TileShapes {
    std::uint8_t palette = 1;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {};
    std::uint8_t rows[16] = {};
};

static_assert(sizeof(TileShapes) == 64);

TileShapes shapes_for(std::int64_t group_columns) {
    TileShapes shapes;
    shapes.row_bytes[0] = 64;
    shapes.rows[0] = kTokens;
    shapes.row_bytes[1] = static_cast<std::uint16_t>(group_columns);
    shapes.rows[1] = kTokens;
    shapes.row_bytes[2] = 64;
    shapes.rows[2] = static_cast<std::uint8_t>(group_columns / 4);
    return shapes;
}

// Some columns of one tile of weights, whole blocks of the format, with one block of kTokens inputs.
struct PartWork {
    const std::byte* weights = nullptr;
    const std::byte* unpacked = nullptr;  // Their codes as bytes, [group][quad][row]; not for kQ8_0.
    std::int64_t blocks = 0;
    InputBlock x;  // From the first of those columns on.
    float* y = nullptr;
    std::int64_t y_stride = 0;
    std::int64_t rows = 0;  // That exist, of kTileRows.
    bool is_first = false;  // Else sums go on from y.
};

template <class F>
struct AmxProduct {
    using S = AmxVectors;
    static constexpr TileLayout kLayout = F::kLayout;
    static constexpr int kParts = kGroupColumns / kLayout.group_columns;
    static constexpr bool kIsPacked = F::kFormat != PackedFormat::kQ8_0;
    static constexpr std::int64_t kUnpackedBytes = kLayout.group_columns * kTileRows;  // Of a group.

    template <int... kStep>
    static void unpack_group(const std::byte* codes, std::byte* to, std::integer_sequence<int, kStep...>) {
        const auto step = [&](const QuadPair<S>& pair, int at) {
            _mm512_store_si512(to + at * 64, pair.first);
            _mm512_store_si512(to + (at + F::Codes::kSteps) * 64, pair.second);
        };
        (step(F::Codes::template load<kStep>(codes), kStep), ...);
    }

    static void unpack(const std::byte* weights, std::int64_t blocks, std::byte* to) {
        for (std::int64_t block = 0; block < blocks; ++block) {
            weights += kLayout.header_bytes;
            for (std::int64_t column = 0; column < kLayout.block_columns; column += kLayout.group_columns) {
                unpack_group(
                    weights + kLayout.scale_bytes, to, std::make_integer_sequence<int, F::Codes::kSteps>()
                );
                weights += kLayout.group_bytes();
                to += kUnpackedBytes;
            }
        }
    }

    // x.codes and x.offsets are at the part of the group that `codes` are of.
    static void add_part(
        const RowScales<S>& scales, const std::byte* codes, const InputBlock& x, __m512 (&sums)[kTokens]
    ) {
        alignas(64) std::int32_t products[kTokens * kTileRows];
        _tile_zero(0);
        _tile_loadd(1, x.codes, kGroupColumns);
        _tile_loadd(2, codes, 64);
        _tile_dpbsud(0, 1, 2);
        _tile_stored(0, products, 64);
#pragma clang loop unroll(full)
        for (int t = 0; t < kTokens; ++t) {
            __m512i product = _mm512_load_si512(products + t * kTileRows);
            if constexpr (F::kOffset >= 0) {
                product = _mm512_add_epi32(product, _mm512_set1_epi32(x.offsets[F::kOffset][t]));
            }
            const __m512 scaled = S::mul(S::to_floats(product), scales.scale);
            sums[t] = S::fma(S::all(x.scales[t]), scaled, sums[t]);
            if constexpr (F::kHasMinimum) {
                sums[t] = S::fnma(scales.minimum, S::all(x.sums[t]), sums[t]);
            }
        }
    }

    static void add_group(
        const RowScales<S>& header,
        const std::byte*& at,
        const std::byte*& unpacked,
        InputBlock& x,
        __m512 (&sums)[kTokens]
    ) {
        for (int part = 0; part < kParts; ++part) {
            const std::byte* codes = kIsPacked ? unpacked : at + kLayout.scale_bytes;
            add_part(F::scales(header, at, 0), codes, x, sums);
            x.codes += kLayout.group_columns;
            if constexpr (F::kOffset >= 0) {
                x.offsets[F::kOffset] += kTokens;
            }
            at += kLayout.group_bytes();
            unpacked += kUnpackedBytes;
        }
        x.codes += (kTokens - 1) * kGroupColumns;
        x.scales += kTokens;
        x.sums += kTokens;
    }

    static void run(const PartWork& work) {
        InputBlock x = work.x;
        __m512 sums[kTokens];
        const auto mask = static_cast<__mmask16>(work.rows >= kTileRows ? 0xFFFFU : (1U << work.rows) - 1U);
        for (int t = 0; t < kTokens; ++t) {
            sums[t] = work.is_first ? S::all(0.0F) : _mm512_maskz_loadu_ps(mask, work.y + t * work.y_stride);
        }
        const std::byte* at = work.weights;
        const std::byte* unpacked = work.unpacked;
        for (std::int64_t block = 0; block < work.blocks; ++block) {
            const RowScales<S> header = F::header(at, 0);
            at += kLayout.header_bytes;
            for (std::int64_t column = 0; column < kLayout.block_columns; column += kGroupColumns) {
                add_group(header, at, unpacked, x, sums);
            }
        }
        for (int t = 0; t < kTokens; ++t) {
            _mm512_mask_storeu_ps(work.y + t * work.y_stride, mask, sums[t]);
        }
    }

    // `tokens` inputs from `begin` on, whole blocks, with one tile.
    static void run_tile(const ProductWork& work, std::int64_t tile, std::int64_t begin, std::int64_t end) {
        alignas(64) std::byte codes[kIsPacked ? kUnpackedColumns * kTileRows : 64];
        constexpr std::int64_t kBlocks = kUnpackedColumns / kLayout.block_columns;
        const std::int64_t blocks = kLayout.blocks(work.columns);
        PartWork part = {.unpacked = codes, .y_stride = work.rows};
        part.weights = work.tiles + tile * kLayout.tile_bytes(work.columns);
        part.rows = std::min(kTileRows, work.rows - tile * kTileRows);
        for (std::int64_t first = 0; first < blocks; first += kBlocks) {
            part.blocks = std::min(kBlocks, blocks - first);
            part.is_first = first == 0;
            if constexpr (kIsPacked) {
                unpack(part.weights, part.blocks, codes);
            }
            for (std::int64_t token = begin; token < end; token += kTokens) {
                part.x = block_at(work.x, {.columns = work.columns, .begin = token, .end = token + kTokens});
                advance(part.x, first * kLayout.block_columns / kGroupColumns);
                part.y = work.y + token * work.rows + tile * kTileRows;
                run(part);
            }
            part.weights += part.blocks * kLayout.block_bytes();
        }
    }

    static void advance(InputBlock& x, std::int64_t groups) {
        x.codes += groups * kTokens * kGroupColumns;
        x.scales += groups * kTokens;
        x.sums += groups * kTokens;
        if constexpr (F::kOffset >= 0) {
            x.offsets[F::kOffset] += groups * kTokens * kParts;
        }
    }

    static void run_all(const ProductWork& work) {
        const TileShapes shapes = shapes_for(kLayout.group_columns);
        _tile_loadconfig(&shapes);
        for (std::int64_t begin = 0; begin < work.tokens; begin += kPassTokensMost) {
            const std::int64_t end = std::min(begin + kPassTokensMost, work.tokens);
            for (std::int64_t tile = work.tile_begin; tile < work.tile_end; ++tile) {
                run_tile(work, tile, begin, end);
            }
        }
        _tile_release();
    }
};

// Whole blocks of inputs.
void multiply_blocks(const ProductWork& work) {
    using S = AmxVectors;
    switch (work.format) {
        case PackedFormat::kQ8_0:
            return AmxProduct<FormatQ8_0<S>>::run_all(work);
        case PackedFormat::kQ4_0:
            return AmxProduct<FormatQ4_0<S>>::run_all(work);
        case PackedFormat::kQ4_1:
            return AmxProduct<FormatQ4_1<S>>::run_all(work);
        case PackedFormat::kQ5_0:
            return AmxProduct<FormatQ5_0<S>>::run_all(work);
        case PackedFormat::kQ5_1:
            return AmxProduct<FormatQ5_1<S>>::run_all(work);
        case PackedFormat::kQ4K:
            return AmxProduct<FormatQ4K<S>>::run_all(work);
        case PackedFormat::kQ5K:
            return AmxProduct<FormatQ5K<S>>::run_all(work);
        case PackedFormat::kQ6K:
            return AmxProduct<FormatQ6K<S>>::run_all(work);
        case PackedFormat::kMxfp4:
            return AmxProduct<FormatMxfp4<S>>::run_all(work);
        case PackedFormat::kF32:
        case PackedFormat::kInt16:
            return;
    }
}

// What is left of the inputs behind the last whole block is AVX-512's: it comes to the same bits.
void multiply(const ProductWork& work) {
    const bool has_bytes = input_form_of(work.format) == InputForm::kInt8;
    const std::int64_t whole = has_bytes ? work.tokens / kTokens * kTokens : 0;
    if (whole > 0) {
        ProductWork blocks = work;
        blocks.tokens = whole;
        multiply_blocks(blocks);
    }
    if (whole < work.tokens) {
        ProductWork rest = work;
        rest.x = block_at(
            work.x,
            {.form = input_form_of(work.format), .columns = work.columns, .begin = whole, .end = work.tokens}
        );
        rest.tokens = work.tokens - whole;
        rest.y += whole * work.rows;
        kAvx512VnniLinear.multiply(rest);
    }
}

void quantise(const QuantiseWork& work) {
    kAvx512VnniLinear.quantise(work);
}

void round(const RoundingWork& work) {
    kAvx512VnniLinear.round(work);
}

}  // namespace

const LinearTable kAmxLinear = {
    .isa = LinearIsa::kAmx,
    .block_tokens = kTokens,
    .quantise = quantise,
    .multiply = multiply,
    .round = round,
};

}  // namespace capstan::engine::kernels

#pragma clang attribute pop

#endif
