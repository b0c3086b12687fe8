#include "engine/kernels/linear_blocks.h"

#include <cstring>

#include "base/check.h"
#include "engine/files/dequantise.h"

namespace capstan::engine::kernels {
namespace {

constexpr std::uint64_t kLowNibbles = 0x0F0F0F0F0F0F0F0F;

template <typename T>
T number_at(const std::byte* at) {
    T number;
    std::memcpy(&number, at, sizeof number);
    return number;
}

void read_q8_0(const std::byte* block, RowBlock& to) {
    constexpr std::uint64_t kSigns = 0x8080808080808080;
    to.scale = number_at<std::uint16_t>(block);
    for (int i = 0; i < 4; ++i) {
        const std::uint64_t codes = number_at<std::uint64_t>(block + 2 + i * 8) ^ kSigns;
        std::memcpy(to.fours + i * 2, &codes, sizeof codes);
    }
}

// 32 bits, one for each column, to where the kernels look for them: bit 4q + j becomes bit q of byte j.
std::uint32_t in_quads(std::uint32_t fifths) {
    std::uint32_t result = 0;
    for (int j = 0; j < 4; ++j) {
        std::uint32_t bits = (fifths >> j) & 0x11111111U;
        bits = (bits | bits >> 3) & 0x03030303U;
        bits = (bits | bits >> 6) & 0x000F000FU;
        bits = (bits | bits >> 12) & 0xFFU;
        result |= bits << (8 * j);
    }
    return result;
}

// The types with 32 to a block and 4 or 5 bits: their nibbles are in our order.
void read_small_block(DataType type, const std::byte* block, RowBlock& to) {
    const bool has_minimum = type == DataType::kQ4_1 || type == DataType::kQ5_1;
    const bool has_fifths = type == DataType::kQ5_0 || type == DataType::kQ5_1;
    to.scale = number_at<std::uint16_t>(block);
    if (has_minimum) {  // The file adds its minimum, the kernels subtract theirs.
        to.minimum = number_at<std::uint16_t>(block + 2) ^ 0x8000U;
    }
    const std::byte* rest = block + (has_minimum ? 4 : 2);
    std::memcpy(to.fours, rest + (has_fifths ? 4 : 0), 16);
    if (has_fifths) {
        to.fours[4] = in_quads(number_at<std::uint32_t>(rest));
    }
}

void read_mxfp4(const std::byte* block, RowBlock& to) {
    to.scale = std::to_integer<std::uint16_t>(block[0]);
    std::memcpy(to.fours, block + 1, 16);
}

// Two numbers of 8 codes each, in nibbles of which `shift` says which: the first gives the low ones.
std::uint64_t both_nibbles(const std::byte* first, const std::byte* second, int shift) {
    const std::uint64_t low = (number_at<std::uint64_t>(first) >> shift) & kLowNibbles;
    const std::uint64_t high = (number_at<std::uint64_t>(second) >> shift) & kLowNibbles;
    return low | high << 4;
}

void read_q4_k_or_q5_k(DataType type, const std::byte* block, RowBlock& to) {
    const bool has_fifths = type == DataType::kQ5K;
    const int fours = has_fifths ? 5 : 4;
    to.scale = number_at<std::uint16_t>(block);
    to.minimum = number_at<std::uint16_t>(block + 2);
    const ScalesAndMinima groups = unpack_scales(block + 4);
    std::memcpy(to.group_scales, groups.scales, 8);
    std::memcpy(to.group_minima, groups.minima, 8);
    const std::byte* nibbles = block + (has_fifths ? 48 : 16);
    for (int group = 0; group < 8; ++group) {
        const std::byte* from = nibbles + group / 2 * 32;
        const int shift = group % 2 * 4;
        const std::uint64_t codes[] = {
            both_nibbles(from, from + 16, shift), both_nibbles(from + 8, from + 24, shift)
        };
        std::memcpy(to.fours + group * fours, codes, sizeof codes);
        if (has_fifths) {
            std::uint32_t above = 0;
            for (int quad = 0; quad < 8; ++quad) {
                const auto fifths = number_at<std::uint32_t>(block + 16 + quad * 4);
                above |= ((fifths >> group) & 0x01010101U) << quad;
            }
            to.fours[group * fours + 4] = above;
        }
    }
}

void read_q6_k(const std::byte* block, RowBlock& to) {
    to.scale = number_at<std::uint16_t>(block + 208);
    std::memcpy(to.group_scales, block + 192, 16);
    for (int group = 0; group < 16; ++group) {
        const int half = group / 8;
        const int quarter = group % 8 / 2;
        const std::byte* low = block + half * 64 + quarter % 2 * 32 + group % 2 * 16;
        const std::byte* high = block + 128 + half * 32 + group % 2 * 16;
        const std::uint64_t codes = both_nibbles(low, low + 8, quarter < 2 ? 0 : 4);
        std::uint32_t above = 0;
        for (int quad = 0; quad < 4; ++quad) {
            const std::uint32_t two =
                (number_at<std::uint32_t>(high + quad * 4) >> (quarter * 2)) & 0x03030303U;
            above |= two << (quad * 2);
        }
        std::memcpy(to.fours + group * 3, &codes, sizeof codes);
        to.fours[group * 3 + 2] = above;
    }
}

void put_half(std::byte* to, std::int64_t index, std::uint16_t bits) {
    std::memcpy(to + index * 2, &bits, sizeof bits);
}

void put_scales(PackedFormat format, const RowBlock (&rows)[kTileRows], std::size_t group, std::byte* to) {
    for (std::int64_t row = 0; row < kTileRows; ++row) {
        const RowBlock& block = rows[row];
        switch (format) {
            case PackedFormat::kQ4K:
            case PackedFormat::kQ5K:
                to[row] = std::byte{block.group_scales[group]};
                to[16 + row] = std::byte{block.group_minima[group]};
                break;
            case PackedFormat::kQ6K:
                to[row] = std::byte{block.group_scales[group]};
                break;
            case PackedFormat::kMxfp4:
                to[row] = static_cast<std::byte>(block.scale);
                break;
            default:
                put_half(to, row, block.scale);
                if (layout_of(format).scale_bytes == 64) {
                    put_half(to, 16 + row, block.minimum);
                }
        }
    }
}

using Fours = std::uint32_t __attribute__((vector_size(16)));

Fours fours_at(const std::uint32_t* from) {
    Fours fours;
    std::memcpy(&fours, from, sizeof fours);
    return fours;
}

// 4 rows of 4.
void turn(const std::uint32_t* rows, std::int64_t stride, std::byte* to) {
    const Fours a = fours_at(rows);
    const Fours b = fours_at(rows + stride);
    const Fours c = fours_at(rows + 2 * stride);
    const Fours d = fours_at(rows + 3 * stride);
    const Fours ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const Fours ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Fours cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const Fours cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const Fours turned[] = {
        __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
        __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
        __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
        __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7),
    };
    for (std::int64_t i = 0; i < 4; ++i) {
        std::memcpy(to + i * 64, &turned[i], sizeof turned[i]);
    }
}

}  // namespace

void read_block(DataType type, const std::byte* block, RowBlock& to) {
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

void put_codes(PackedFormat format, const std::uint8_t* codes, RowBlock& to) {
    if (format == PackedFormat::kQ8_0) {
        std::memcpy(to.fours, codes, 32);
        return;
    }
    CHECK(format == PackedFormat::kQ4_1, "numbers are rounded to 14, 8 or 4 bits");
    for (int i = 0; i < 2; ++i) {
        const auto low = number_at<std::uint64_t>(reinterpret_cast<const std::byte*>(codes + i * 8));
        const auto high = number_at<std::uint64_t>(reinterpret_cast<const std::byte*>(codes + 16 + i * 8));
        const std::uint64_t both = low | high << 4;
        std::memcpy(to.fours + i * 2, &both, sizeof both);
    }
}

void put_side_by_side(const std::uint32_t* rows, std::int64_t stride, std::int64_t count, std::byte* to) {
    std::int64_t at = 0;
    for (; at + 4 <= count; at += 4) {
        for (std::int64_t row = 0; row < kTileRows; row += 4) {
            turn(rows + row * stride + at, stride, to + at * 64 + row * 4);
        }
    }
    for (; at < count; ++at) {
        for (std::int64_t row = 0; row < kTileRows; ++row) {
            std::memcpy(to + at * 64 + row * 4, rows + row * stride + at, 4);
        }
    }
}

void put_block(PackedFormat format, const RowBlock (&rows)[kTileRows], std::byte* to) {
    constexpr std::int64_t kStride = sizeof(RowBlock) / sizeof(std::uint32_t);
    const TileLayout layout = layout_of(format);
    if (layout.header_bytes > 0) {
        for (std::int64_t row = 0; row < kTileRows; ++row) {
            put_half(to, row, rows[row].scale);
            if (layout.header_bytes == 64) {
                put_half(to, 16 + row, rows[row].minimum);
            }
        }
        to += layout.header_bytes;
    }
    const std::int64_t fours = layout.code_bytes / 64;
    for (std::int64_t group = 0; group < layout.block_columns / layout.group_columns; ++group) {
        put_scales(format, rows, static_cast<std::size_t>(group), to);
        put_side_by_side(rows[0].fours + group * fours, kStride, fours, to + layout.scale_bytes);
        to += layout.group_bytes();
    }
}

}  // namespace capstan::engine::kernels
