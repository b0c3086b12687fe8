#include "engine/kernels/linear_unpack.h"

#include <algorithm>
#include <cstring>

#include "engine/files/dequantise.h"

namespace capstan::engine::kernels {
namespace {

std::uint32_t quad_at(const std::byte* vectors, std::int64_t vector, std::int64_t row) {
    std::uint32_t four;
    std::memcpy(&four, vectors + vector * 64 + row * 4, sizeof four);
    return four;
}

std::uint16_t half_at(const std::byte* from, std::int64_t index) {
    std::uint16_t bits;
    std::memcpy(&bits, from + index * 2, sizeof bits);
    return bits;
}

float f16_at(const std::byte* from, std::int64_t index) {
    return float_of_f16(half_at(from, index));
}

// The codes of a row of one group as the format groups them.
void read_codes(PackedFormat format, const std::byte* from, std::int64_t row, std::int32_t* codes) {
    const std::int64_t quads = layout_of(format).group_columns / 4;
    const std::int64_t half = quads / 2;
    const int bits = bits_of(format);
    const int more = bits - 4;
    for (std::int64_t quad = 0; quad < quads; ++quad) {
        std::uint32_t four = 0;
        if (bits == 8) {
            four = quad_at(from, quad, row);
        } else {
            four = (quad_at(from, quad % half, row) >> (quad < half ? 0 : 4)) & 0x0F0F0F0FU;
            if (more > 0) {
                const std::uint32_t mask = more == 1 ? 0x01010101U : 0x03030303U;
                four |= ((quad_at(from, half, row) >> (quad * more)) & mask) << 4;
            }
        }
        for (std::int64_t i = 0; i < 4; ++i) {
            codes[quad * 4 + i] = static_cast<std::int32_t>((four >> (8 * i)) & 0xFFU);
        }
    }
}

void read_int16(const std::byte* from, std::int64_t row, PackedGroup& group) {
    const float scale = float_of_bf16(half_at(from, row));
    group.scales[0] = scale;
    group.scales[1] = scale;
    for (std::int64_t i = 0; i < kGroupColumns; ++i) {
        const std::uint16_t bits = half_at(from + 32 + i / 2 * 64, row * 2 + i % 2);
        group.codes[i] = static_cast<std::int16_t>(bits);
    }
}

void read_q6_k(const std::byte* block, std::int64_t row, std::int64_t group, PackedGroup& to) {
    constexpr TileLayout kLayout = layout_of(PackedFormat::kQ6K);
    for (std::int64_t half = 0; half < 2; ++half) {
        const std::byte* from = block + kLayout.header_bytes + (group * 2 + half) * kLayout.group_bytes();
        const auto group_scale = static_cast<float>(static_cast<std::int8_t>(from[row]));
        to.scales[half] = f16_at(block, row) * group_scale;
        read_codes(PackedFormat::kQ6K, from + kLayout.scale_bytes, row, to.codes + half * 16);
    }
    to.offset = 32;
}

void read_scales(PackedFormat format, const std::byte* block, std::int64_t row, PackedGroup& to) {
    to.scales[0] = format == PackedFormat::kMxfp4 ? half_of_e8m0(std::to_integer<std::uint8_t>(block[row]))
                                                  : f16_at(block, row);
    to.scales[1] = to.scales[0];
    if (layout_of(format).scale_bytes == 64) {
        to.minimum = f16_at(block, 16 + row);
    }
    if (format == PackedFormat::kQ8_0) {
        to.offset = 128;
    } else if (format == PackedFormat::kQ4_0) {
        to.offset = 8;
    } else if (format == PackedFormat::kQ5_0) {
        to.offset = 16;
    }
}

void read_k_scales(const std::byte* block, const std::byte* group, std::int64_t row, PackedGroup& to) {
    to.scales[0] = f16_at(block, row) * std::to_integer<std::uint8_t>(group[row]);
    to.scales[1] = to.scales[0];
    to.minimum = f16_at(block, 16 + row) * std::to_integer<std::uint8_t>(group[16 + row]);
}

}  // namespace

PackedGroup unpack_group(PackedFormat format, const std::byte* tile, std::int64_t row, std::int64_t group) {
    const TileLayout layout = layout_of(format);
    const std::int64_t groups_in_block = layout.block_columns / kGroupColumns;
    const std::byte* block = tile + group / groups_in_block * layout.block_bytes();
    const std::int64_t inside = group % groups_in_block;
    PackedGroup result = {};
    if (format == PackedFormat::kInt16) {
        read_int16(block, row, result);
        return result;
    }
    if (format == PackedFormat::kQ6K) {
        read_q6_k(block, row, inside, result);
        return result;
    }
    const std::byte* from = block + layout.header_bytes + inside * layout.group_bytes();
    if (layout.header_bytes > 0) {
        read_k_scales(block, from, row, result);
    } else {
        read_scales(format, from, row, result);
    }
    read_codes(format, from + layout.scale_bytes, row, result.codes);
    if (format == PackedFormat::kMxfp4) {  // Codes are of a table; moved, so that they are unsigned.
        for (std::int32_t& code : result.codes) {
            code = kFp4Doubled[code] + 16;
        }
        result.offset = 16;
    }
    return result;
}

void unpack_row(
    PackedFormat format, const std::byte* tile, std::int64_t row, std::int64_t columns, float* out
) {
    if (format == PackedFormat::kF32) {
        for (std::int64_t column = 0; column < columns; ++column) {
            std::memcpy(out + column, tile + column * 64 + row * 4, sizeof(float));
        }
        return;
    }
    for (std::int64_t column = 0; column < columns; column += kGroupColumns) {
        const PackedGroup group = unpack_group(format, tile, row, column / kGroupColumns);
        const std::int64_t count = std::min(kGroupColumns, columns - column);
        for (std::int64_t i = 0; i < count; ++i) {
            const float scale = group.scales[i / 16];
            out[column + i] = scale * static_cast<float>(group.codes[i] - group.offset) - group.minimum;
        }
    }
}

}  // namespace capstan::engine::kernels
