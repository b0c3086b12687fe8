#include "engine/kernels/linear_pack.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/files/dequantise.h"
#include "engine/kernels/linear_blocks.h"

namespace capstan::engine::kernels {
namespace {

// Columns that are in work at a time: whole blocks of every type, and 16 rows of them stay in a cache.
constexpr std::int64_t kColumns = 256;
// Files are asked for so far ahead: each row of a tile is another place in them.
constexpr std::int64_t kBytesAhead = 512;

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
void make_q8_0(const float* values, RowBlock& to) {
    const float largest = largest_magnitude(values);
    to.scale = f16_of_float(largest / 127.0F);
    const float scale = float_of_f16(to.scale);
    std::uint8_t codes[kGroupColumns];
    for (std::int64_t i = 0; i < kGroupColumns; ++i) {
        const float code = scale > 0 ? std::nearbyint(values[i] / scale) : 0.0F;
        codes[i] = static_cast<std::uint8_t>(std::clamp(code, -127.0F, 127.0F) + 128.0F);
    }
    put_codes(PackedFormat::kQ8_0, codes, to);
}

// 4 bits between the least and the largest.
void make_q4_1(const float* values, RowBlock& to) {
    const float largest = *std::max_element(values, values + kGroupColumns);
    const float least = *std::min_element(values, values + kGroupColumns);
    const float magnitude = largest_magnitude(values);
    to.minimum = f16_of_float(std::isfinite(magnitude) ? -least : magnitude);
    to.scale = f16_of_float((largest - least) / 15.0F);
    const float scale = float_of_f16(to.scale);
    const float start = -float_of_f16(to.minimum);
    const bool has_codes = std::isfinite(magnitude) && scale > 0 && std::isfinite(scale);
    std::uint8_t codes[kGroupColumns];
    for (std::int64_t i = 0; i < kGroupColumns; ++i) {
        const float code = has_codes ? std::nearbyint((values[i] - start) / scale) : 0.0F;
        codes[i] = static_cast<std::uint8_t>(std::clamp(code, 0.0F, 15.0F));
    }
    put_codes(PackedFormat::kQ4_1, codes, to);
}

// One group of each row.
void put_rounded(
    PackedFormat format, const float (&values)[kTileRows][kColumns], std::int64_t at, std::byte* to
) {
    RowBlock blocks[kTileRows];
    for (std::int64_t row = 0; row < kTileRows; ++row) {
        if (format == PackedFormat::kQ8_0) {
            make_q8_0(values[row] + at, blocks[row]);
        } else {
            make_q4_1(values[row] + at, blocks[row]);
        }
    }
    put_block(format, blocks, to);
}

// Where a tile's rows begin in the file.
struct TileSource {
    const std::byte* from = nullptr;
    std::int64_t row_bytes = 0;
    std::int64_t rows = 0;  // That exist, of kTileRows.
};

// Columns [begin, begin + count), of which the file has `present`: numbers in float32, or in 8 or 4 bits.
struct ColumnRange {
    std::int64_t begin = 0;
    std::int64_t count = 0;
    std::int64_t present = 0;
};

void pack_numbers(const PackWork& work, const TileSource& source, const ColumnRange& columns, std::byte* to) {
    alignas(64) float values[kTileRows][kColumns] = {};
    const std::int64_t offset = bytes_of(work.source.type, columns.begin);
    for (std::int64_t row = 0; row < source.rows; ++row) {
        const std::byte* from = source.from + row * source.row_bytes + offset;
        dequantise(work.source.type, from, columns.present, values[row]);
    }
    if (work.format == PackedFormat::kF32) {
        put_side_by_side(reinterpret_cast<const std::uint32_t*>(values), kColumns, columns.count, to);
        return;
    }
    for (std::int64_t at = 0; at < columns.count; at += kGroupColumns) {
        put_rounded(work.format, values, at, to);
        to += layout_of(work.format).group_bytes();
    }
}

// The same in 14 bits.
void pack_int16(const PackWork& work, const TileSource& source, const ColumnRange& columns, std::byte* to) {
    constexpr std::int64_t kGroups = kColumns / kGroupColumns;
    alignas(64) std::int16_t codes[kTileRows][kColumns] = {};
    std::uint16_t scales[kTileRows][kGroups] = {};
    const DataType type = work.source.type;
    const bool is_read = type == DataType::kF16 || type == DataType::kBf16;
    for (std::int64_t row = 0; row < source.rows; ++row) {
        const std::byte* from = source.from + row * source.row_bytes + bytes_of(type, columns.begin);
        float values[kColumns];
        if (!is_read) {
            dequantise(type, from, columns.present, values);
        } else if (columns.count == kColumns) {
            __builtin_prefetch(from + kBytesAhead);
        }
        work.table->round({
            .type = is_read ? type : DataType::kF32,
            .from = is_read ? from : reinterpret_cast<const std::byte*>(values),
            .columns = columns.present,
            .codes = codes[row],
            .scales = scales[row],
        });
    }
    constexpr TileLayout kLayout = layout_of(PackedFormat::kInt16);
    for (std::int64_t group = 0; group < columns.count / kGroupColumns; ++group) {
        for (std::int64_t row = 0; row < kTileRows; ++row) {
            std::memcpy(to + row * 2, &scales[row][group], 2);
        }
        const auto* pairs = reinterpret_cast<const std::uint32_t*>(codes[0] + group * kGroupColumns);
        put_side_by_side(pairs, kColumns / 2, kGroupColumns / 2, to + kLayout.scale_bytes);
        to += kLayout.group_bytes();
    }
}

void pack_by_number(const PackWork& work, const TileSource& source) {
    const TileLayout layout = layout_of(work.format);
    const std::int64_t columns = work.source.columns;
    const std::int64_t padded = layout.blocks(columns) * layout.block_columns;
    for (std::int64_t begin = 0; begin < padded; begin += kColumns) {
        const ColumnRange range = {
            .begin = begin,
            .count = std::min(kColumns, padded - begin),
            .present = std::min(kColumns, columns - begin),
        };
        std::byte* to = work.to + begin / layout.block_columns * layout.block_bytes();
        if (work.format == PackedFormat::kInt16) {
            pack_int16(work, source, range, to);
        } else {
            pack_numbers(work, source, range, to);
        }
    }
}

void pack_by_block(const PackWork& work, const TileSource& source) {
    const BlockShape shape = block_of(work.source.type);
    const std::int64_t block_bytes = layout_of(work.format).block_bytes();
    RowBlock blocks[kTileRows];
    for (std::int64_t i = 0; i < work.source.columns / shape.elements; ++i) {
        for (std::int64_t row = 0; row < source.rows; ++row) {
            const std::byte* from = source.from + row * source.row_bytes + i * shape.bytes;
            __builtin_prefetch(from + kBytesAhead);
            read_block(work.source.type, from, blocks[row]);
        }
        put_block(work.format, blocks, work.to + i * block_bytes);
    }
}

}  // namespace

void pack_tile(const PackWork& work) {
    const WeightMatrix& source = work.source;
    const std::int64_t row_bytes = bytes_of(source.type, source.columns);
    const TileSource tile = {
        .from = source.data + work.tile * kTileRows * row_bytes,
        .row_bytes = row_bytes,
        .rows = std::min(kTileRows, source.rows - work.tile * kTileRows),
    };
    const bool keeps_blocks =
        block_of(source.type).elements > 1 && work.format == packed_format_of(source.type);
    if (keeps_blocks) {
        pack_by_block(work, tile);
    } else {
        pack_by_number(work, tile);
    }
}

}  // namespace capstan::engine::kernels
