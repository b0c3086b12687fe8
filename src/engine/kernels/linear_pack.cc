#include "engine/kernels/linear_pack.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/check.h"
#include "engine/files/dequantise.h"

namespace capstan::engine::kernels {
namespace {

// A row's part of a block as files have it, in one form for all types.
struct BlockCodes {
    std::uint16_t scale = 0;  // Binary16 (bfloat16 in kInt16, e8m0 in kMxfp4).
    std::uint16_t minimum = 0;
    std::uint8_t group_scales[16] = {};
    std::uint8_t group_minima[8] = {};
    alignas(16) std::uint8_t codes[256] = {};
};

std::uint16_t half_at(const std::byte* at) {
    std::uint16_t bits;
    std::memcpy(&bits, at, sizeof bits);
    return bits;
}

void read_nibbles(const std::byte* packed, std::uint8_t* codes) {
    for (int i = 0; i < 16; ++i) {
        const auto both = std::to_integer<std::uint8_t>(packed[i]);
        codes[i] = both & 0xF;
        codes[i + 16] = static_cast<std::uint8_t>(both >> 4);
    }
}

void add_fifths(const std::byte* packed, std::uint8_t* codes) {
    std::uint32_t fifths;
    std::memcpy(&fifths, packed, sizeof fifths);
    for (int i = 0; i < 32; ++i) {
        codes[i] = static_cast<std::uint8_t>(codes[i] | (((fifths >> i) & 1U) << 4));
    }
}

void read_q8_0(const std::byte* block, BlockCodes& to) {
    to.scale = half_at(block);
    for (int i = 0; i < 32; ++i) {
        to.codes[i] = std::to_integer<std::uint8_t>(block[2 + i] ^ std::byte{0x80});
    }
}

// The types with 32 to a block and 4 or 5 bits.
void read_small_block(DataType type, const std::byte* block, BlockCodes& to) {
    const bool has_minimum = type == DataType::kQ4_1 || type == DataType::kQ5_1;
    const bool has_fifths = type == DataType::kQ5_0 || type == DataType::kQ5_1;
    to.scale = half_at(block);
    if (has_minimum) {  // The file adds its minimum, the kernels subtract theirs.
        to.minimum = half_at(block + 2) ^ 0x8000U;
    }
    const std::byte* rest = block + (has_minimum ? 4 : 2);
    read_nibbles(rest + (has_fifths ? 4 : 0), to.codes);
    if (has_fifths) {
        add_fifths(rest, to.codes);
    }
}

void read_mxfp4(const std::byte* block, BlockCodes& to) {
    to.scale = std::to_integer<std::uint16_t>(block[0]);
    read_nibbles(block + 1, to.codes);
}

void read_q4_k_or_q5_k(DataType type, const std::byte* block, BlockCodes& to) {
    to.scale = half_at(block);
    to.minimum = half_at(block + 2);
    const ScalesAndMinima groups = unpack_scales(block + 4);
    std::memcpy(to.group_scales, groups.scales, 8);
    std::memcpy(to.group_minima, groups.minima, 8);
    const std::byte* nibbles = block + (type == DataType::kQ5K ? 48 : 16);
    for (int pair = 0; pair < 4; ++pair) {
        for (int i = 0; i < 32; ++i) {
            const auto both = std::to_integer<std::uint8_t>(nibbles[pair * 32 + i]);
            to.codes[pair * 64 + i] = both & 0xF;
            to.codes[pair * 64 + 32 + i] = static_cast<std::uint8_t>(both >> 4);
        }
    }
    if (type == DataType::kQ5K) {
        for (int group = 0; group < 8; ++group) {
            for (int i = 0; i < 32; ++i) {
                const auto fifths = std::to_integer<std::uint8_t>(block[16 + i]);
                to.codes[group * 32 + i] |= static_cast<std::uint8_t>(((fifths >> group) & 1) << 4);
            }
        }
    }
}

void read_q6_k(const std::byte* block, BlockCodes& to) {
    to.scale = half_at(block + 208);
    std::memcpy(to.group_scales, block + 192, 16);
    for (int quarter = 0; quarter < 8; ++quarter) {
        const std::byte* low = block + quarter / 4 * 64 + quarter % 2 * 32;
        const std::byte* high = block + 128 + quarter / 4 * 32;
        const int low_shift = quarter % 4 < 2 ? 0 : 4;
        const int high_shift = quarter % 4 * 2;
        for (int i = 0; i < 32; ++i) {
            const int four = (std::to_integer<int>(low[i]) >> low_shift) & 0xF;
            const int two = (std::to_integer<int>(high[i]) >> high_shift) & 3;
            to.codes[quarter * 32 + i] = static_cast<std::uint8_t>(four | (two << 4));
        }
    }
}

void read_block(DataType type, const std::byte* block, BlockCodes& to) {
    switch (type) {
        case DataType::kQ8_0:
            return read_q8_0(block, to);
        case DataType::kQ4K:
        case DataType::kQ5K:
            return read_q4_k_or_q5_k(type, block, to);
        case DataType::kQ6K:
            return read_q6_k(block, to);
        case DataType::kMxfp4:
            return read_mxfp4(block, to);
        default:
            return read_small_block(type, block, to);
    }
}

// Four codes as one number.
std::uint32_t quad_at(const std::uint8_t* codes, std::int64_t quad) {
    std::uint32_t four;
    std::memcpy(&four, codes + quad * 4, sizeof four);
    return four;
}

void put_quad(std::byte* vectors, std::int64_t vector, std::int64_t row, std::uint32_t four) {
    std::memcpy(vectors + vector * 64 + row * 4, &four, sizeof four);
}

void put_codes(PackedFormat format, const std::uint8_t* codes, std::byte* to, std::int64_t row) {
    const std::int64_t quads = layout_of(format).group_columns / 4;
    const int bits = bits_of(format);
    if (bits == 8) {
        for (std::int64_t quad = 0; quad < quads; ++quad) {
            put_quad(to, quad, row, quad_at(codes, quad));
        }
        return;
    }
    const std::int64_t half = quads / 2;
    for (std::int64_t quad = 0; quad < half; ++quad) {
        const std::uint32_t low = quad_at(codes, quad) & 0x0F0F0F0FU;
        const std::uint32_t high = quad_at(codes, quad + half) & 0x0F0F0F0FU;
        put_quad(to, quad, row, low | (high << 4));
    }
    const int more = bits - 4;
    if (more > 0) {
        const std::uint32_t mask = more == 1 ? 0x01010101U : 0x03030303U;
        std::uint32_t above = 0;
        for (std::int64_t quad = 0; quad < quads; ++quad) {
            above |= ((quad_at(codes, quad) >> 4) & mask) << (quad * more);
        }
        put_quad(to, half, row, above);
    }
}

void put_half(std::byte* to, std::int64_t index, std::uint16_t bits) {
    std::memcpy(to + index * 2, &bits, sizeof bits);
}

void put_scales(
    PackedFormat format, const BlockCodes& block, std::int64_t group, std::byte* to, std::int64_t row
) {
    const auto at = static_cast<std::size_t>(group);
    switch (format) {
        case PackedFormat::kQ4K:
        case PackedFormat::kQ5K:
            to[row] = std::byte{block.group_scales[at]};
            to[16 + row] = std::byte{block.group_minima[at]};
            return;
        case PackedFormat::kQ6K:
            to[row] = std::byte{block.group_scales[at]};
            return;
        case PackedFormat::kMxfp4:
            to[row] = static_cast<std::byte>(block.scale);
            return;
        default:
            put_half(to, row, block.scale);
            if (layout_of(format).scale_bytes == 64) {
                put_half(to, 16 + row, block.minimum);
            }
            return;
    }
}

void put_block(PackedFormat format, const BlockCodes& block, std::byte* to, std::int64_t row) {
    const TileLayout layout = layout_of(format);
    if (layout.header_bytes > 0) {
        put_half(to, row, block.scale);
        if (layout.header_bytes == 64) {
            put_half(to, 16 + row, block.minimum);
        }
        to += layout.header_bytes;
    }
    for (std::int64_t group = 0; group < layout.block_columns / layout.group_columns; ++group) {
        put_scales(format, block, group, to, row);
        put_codes(format, block.codes + group * layout.group_columns, to + layout.scale_bytes, row);
        to += layout.group_bytes();
    }
}

float largest_magnitude(const float* values) {
    float largest = 0;
    for (std::int64_t i = 0; i < kGroupColumns; ++i) {
        const float magnitude = std::fabs(values[i]);
        if (!std::isfinite(magnitude)) {
            return std::numeric_limits<float>::quiet_NaN();
        }
        largest = std::max(largest, magnitude);
    }
    return largest;
}

// 8 bits, symmetric. What a binary16 scale cannot say becomes NaN or 0, as in ggml's Q8_0.
void make_q8_0(const float* values, BlockCodes& to) {
    const float largest = largest_magnitude(values);
    to.scale = f16_of_float(largest / 127.0F);
    const float scale = float_of_f16(to.scale);
    for (std::int64_t i = 0; i < kGroupColumns; ++i) {
        const float code = scale > 0 ? std::nearbyint(values[i] / scale) : 0.0F;
        to.codes[i] = static_cast<std::uint8_t>(static_cast<int>(std::clamp(code, -127.0F, 127.0F)) + 128);
    }
}

// 4 bits between the least and the largest.
void make_q4_1(const float* values, BlockCodes& to) {
    const float largest = *std::max_element(values, values + kGroupColumns);
    const float least = *std::min_element(values, values + kGroupColumns);
    const bool is_number = !std::isnan(largest_magnitude(values));
    to.minimum = f16_of_float(is_number ? -least : largest_magnitude(values));
    to.scale = f16_of_float((largest - least) / 15.0F);
    const float scale = float_of_f16(to.scale);
    const float start = -float_of_f16(to.minimum);
    for (std::int64_t i = 0; i < kGroupColumns; ++i) {
        const float code = is_number && scale > 0 ? std::nearbyint((values[i] - start) / scale) : 0.0F;
        to.codes[i] = static_cast<std::uint8_t>(std::clamp(code, 0.0F, 15.0F));
    }
}

void put_numbers(PackedFormat format, const std::vector<float>& values, std::byte* to, std::int64_t row) {
    const TileLayout layout = layout_of(format);
    for (std::size_t at = 0; at < values.size(); at += kGroupColumns, to += layout.group_bytes()) {
        BlockCodes block;
        if (format == PackedFormat::kQ8_0) {
            make_q8_0(values.data() + at, block);
        } else {
            CHECK(format == PackedFormat::kQ4_1, "numbers are rounded to 14, 8 or 4 bits");
            make_q4_1(values.data() + at, block);
        }
        put_block(format, block, to, row);
    }
}

void put_floats(const std::vector<float>& values, std::int64_t columns, std::byte* to, std::int64_t row) {
    for (std::int64_t column = 0; column < columns; ++column) {
        std::memcpy(to + column * 64 + row * 4, values.data() + column, sizeof(float));
    }
}

void pack_numbers(const PackWork& work, const std::byte* from, std::int64_t row) {
    const std::int64_t columns = work.source.columns;
    const DataType type = work.source.type;
    if (work.format == PackedFormat::kInt16 && (type == DataType::kF16 || type == DataType::kBf16)) {
        work.table->round({.type = type, .from = from, .columns = columns, .to = work.to, .row = row});
        return;
    }
    const std::int64_t padded = (columns + kGroupColumns - 1) / kGroupColumns * kGroupColumns;
    std::vector<float> values(static_cast<std::size_t>(padded));
    dequantise(type, from, columns, values.data());
    if (work.format == PackedFormat::kInt16) {
        const auto* numbers = reinterpret_cast<const std::byte*>(values.data());
        work.table->round({.from = numbers, .columns = columns, .to = work.to, .row = row});
    } else if (work.format == PackedFormat::kF32) {
        put_floats(values, columns, work.to, row);
    } else {
        put_numbers(work.format, values, work.to, row);
    }
}

}  // namespace

void pack_tile(const PackWork& work) {
    const WeightMatrix& source = work.source;
    const TileLayout layout = layout_of(work.format);
    std::memset(work.to, 0, static_cast<std::size_t>(layout.tile_bytes(source.columns)));
    const std::int64_t rows = std::min(kTileRows, source.rows - work.tile * kTileRows);
    const BlockShape shape = block_of(source.type);
    const std::int64_t row_bytes = bytes_of(source.type, source.columns);
    const bool keeps_blocks = shape.elements > 1 && work.format == packed_format_of(source.type);
    const std::byte* from = source.data + work.tile * kTileRows * row_bytes;
    BlockCodes block;
    for (std::int64_t row = 0; row < rows; ++row, from += row_bytes) {
        if (!keeps_blocks) {
            pack_numbers(work, from, row);
            continue;
        }
        for (std::int64_t i = 0; i < source.columns / shape.elements; ++i) {
            read_block(source.type, from + i * shape.bytes, block);
            put_block(work.format, block, work.to + i * layout.block_bytes(), row);
        }
    }
}

}  // namespace capstan::engine::kernels
