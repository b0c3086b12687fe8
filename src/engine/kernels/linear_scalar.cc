// The definition of the products in linear_table.h: slow and plain. The other versions give the same bits.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/kernels/linear_quantise.h"
#include "engine/kernels/linear_rounding.h"
#include "engine/kernels/linear_table.h"
#include "engine/kernels/linear_unpack.h"

namespace capstan::engine::kernels {
namespace {

constexpr std::int64_t kBlockTokens = 3;

std::int32_t code_at(const std::byte* codes, InputForm form, std::int64_t index) {
    if (form == InputForm::kInt8) {
        return static_cast<std::int8_t>(codes[index]);
    }
    std::int16_t code;
    std::memcpy(&code, codes + index * 2, sizeof code);
    return code;
}

float product(const ProductWork& work, std::int64_t row, const InputBlock& x, std::int64_t token) {
    const InputForm form = input_form_of(work.format);
    const std::int64_t tile_bytes = layout_of(work.format).tile_bytes(work.columns);
    const std::byte* tile = work.tiles + row / kTileRows * tile_bytes;
    float result = 0;
    for (std::int64_t group = 0; group < groups_of(work.columns); ++group) {
        const PackedGroup weights = unpack_group(work.format, tile, row % kTileRows, group);
        const std::int64_t at = group * x.tokens + token;
        const std::int64_t parts = weights.offset == 32 ? 2 : 1;  // Q6_K has two scales in a group.
        for (std::int64_t part = 0; part < parts; ++part) {
            std::int32_t sum = 0;
            for (std::int64_t i = part * 16; i < (part + 1) * kGroupColumns / parts; ++i) {
                sum += (weights.codes[i] - weights.offset) * code_at(x.codes, form, at * kGroupColumns + i);
            }
            result = std::fma(x.scales[at], static_cast<float>(sum) * weights.scales[part], result);
        }
        if (has_minimum(work.format)) {
            result = std::fma(-weights.minimum, x.sums[at], result);
        }
    }
    return result;
}

float float_product(const ProductWork& work, std::int64_t row, const InputBlock& x, std::int64_t token) {
    const std::byte* tile = work.tiles + row / kTileRows * layout_of(work.format).tile_bytes(work.columns);
    float result = 0;
    for (std::int64_t begin = 0; begin < work.columns; begin += kFloatRun) {
        float sum = 0;
        for (std::int64_t column = begin; column < std::min(begin + kFloatRun, work.columns); ++column) {
            float weight;
            std::memcpy(&weight, tile + column * 64 + row % kTileRows * 4, sizeof weight);
            sum = std::fma(weight, x.floats[column * x.tokens + token], sum);
        }
        result += sum;
    }
    return result;
}

void multiply(const ProductWork& work) {
    const std::int64_t row_end = std::min(work.tile_end * kTileRows, work.rows);
    for (std::int64_t begin = 0; begin < work.tokens; begin += kBlockTokens) {
        const InputBlock x = block_at(
            work.x,
            {.form = input_form_of(work.format),
             .columns = work.columns,
             .begin = begin,
             .end = std::min(begin + kBlockTokens, work.tokens)}
        );
        for (std::int64_t token = 0; token < x.tokens; ++token) {
            for (std::int64_t row = work.tile_begin * kTileRows; row < row_end; ++row) {
                work.y[(begin + token) * work.rows + row] = work.format == PackedFormat::kF32
                                                                ? float_product(work, row, x, token)
                                                                : product(work, row, x, token);
            }
        }
    }
}

struct Plain {
    static float float_of_half(std::uint16_t bits) { return float_of_f16(bits); }

    static float round(float value) { return std::nearbyint(value); }
};

void quantise(const QuantiseWork& work) {
    quantise_blocks(work, kBlockTokens, quantise_group);
}

}  // namespace

const LinearTable kScalarLinear = {
    .isa = LinearIsa::kScalar,
    .block_tokens = kBlockTokens,
    .quantise = quantise,
    .multiply = multiply,
    .round = Rounding<Plain>::run,
};

}  // namespace capstan::engine::kernels
