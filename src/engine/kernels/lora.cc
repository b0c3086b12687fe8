#include "engine/kernels/lora.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/kernels/lora_tables.h"

namespace capstan::engine::kernels {
namespace {

constexpr float kF16Max = 65'504;

std::int64_t rounded_up(std::int64_t count, std::int64_t unit) {
    return (count + unit - 1) / unit * unit;
}

DataType packed_type(const WeightMatrix& source, LoraPrecision precision) {
    if (source.type != DataType::kF32 || precision == LoraPrecision::kStored) {
        return source.type;
    }
    for (std::int64_t i = 0; i < source.rows * source.columns; ++i) {
        if (!(std::abs(weight_at(source.data, source.type, i)) <= kF16Max)) {
            return DataType::kF32;
        }
    }
    return DataType::kF16;
}

// Element `from` of the source becomes element `to`.
void copy_element(
    const WeightMatrix& source, std::int64_t from, std::vector<std::byte>& out, DataType type, std::int64_t to
) {
    const std::int64_t size = bytes_of(type);
    if (source.type == type) {
        std::memcpy(out.data() + to * size, source.data + from * size, static_cast<std::size_t>(size));
        return;
    }
    const std::uint16_t bits = f16_of_float(weight_at(source.data, source.type, from));
    std::memcpy(out.data() + to * size, &bits, sizeof bits);
}

bool is_finite(const WeightMatrix& source) {
    for (std::int64_t i = 0; i < source.rows * source.columns; ++i) {
        if (!std::isfinite(weight_at(source.data, source.type, i))) {
            return false;
        }
    }
    return true;
}

// Some elements of the source, `stride` apart.
struct Scaled {
    std::int64_t first = 0;
    std::int64_t stride = 1;
    std::int64_t count = 0;
};

float scale_of(const WeightMatrix& source, const Scaled& elements) {
    float largest = 0;
    for (std::int64_t i = 0; i < elements.count; ++i) {
        const float value = weight_at(source.data, source.type, elements.first + i * elements.stride);
        largest = std::max(largest, std::abs(value));
    }
    return largest / 127;
}

std::byte code_of(const WeightMatrix& source, std::int64_t element, float scale) {
    const float value = weight_at(source.data, source.type, element);
    const float code = scale > 0 ? std::clamp(std::nearbyint(value / scale), -127.0F, 127.0F) : 0.0F;
    return static_cast<std::byte>(static_cast<std::int8_t>(code));
}

}  // namespace

LoraMatrix LoraMatrix::pack_a(const WeightMatrix& source, LoraPrecision precision) {
    LoraMatrix matrix;
    matrix.type_ = packed_type(source, precision);
    matrix.rows_ = source.rows;
    matrix.columns_ = source.columns;
    matrix.tiles_ = rounded_up(source.rows, kLoraRanks) / kLoraRanks;
    if (precision == LoraPrecision::kInt8 && is_finite(source)) {
        matrix.pack_a_int8(source);
        return matrix;
    }
    const std::int64_t groups = rounded_up(source.columns, kLoraColumns) / kLoraColumns;
    matrix.allocate(matrix.tiles_ * groups * kLoraRanks * kLoraColumns * bytes_of(matrix.type_));
    for (std::int64_t rank = 0; rank < source.rows; ++rank) {
        for (std::int64_t column = 0; column < source.columns; ++column) {
            const std::int64_t group = rank / kLoraRanks * groups + column / kLoraColumns;
            const std::int64_t inside = rank % kLoraRanks * kLoraColumns + column % kLoraColumns;
            copy_element(
                source,
                rank * source.columns + column,
                matrix.bytes_,
                matrix.type_,
                group * kLoraRanks * kLoraColumns + inside
            );
        }
    }
    return matrix;
}

LoraMatrix LoraMatrix::pack_b(const WeightMatrix& source, LoraPrecision precision) {
    LoraMatrix matrix;
    matrix.type_ = packed_type(source, precision);
    matrix.rows_ = source.rows;
    matrix.columns_ = source.columns;
    matrix.tiles_ = rounded_up(source.rows, kLoraOutputs) / kLoraOutputs;
    if (precision == LoraPrecision::kInt8 && is_finite(source)) {
        matrix.pack_b_int8(source);
        return matrix;
    }
    matrix.allocate(matrix.tiles_ * source.columns * kLoraOutputs * bytes_of(matrix.type_));
    for (std::int64_t output = 0; output < source.rows; ++output) {
        for (std::int64_t rank = 0; rank < source.columns; ++rank) {
            copy_element(
                source,
                output * source.columns + rank,
                matrix.bytes_,
                matrix.type_,
                (output / kLoraOutputs * source.columns + rank) * kLoraOutputs + output % kLoraOutputs
            );
        }
    }
    return matrix;
}

void LoraMatrix::pack_a_int8(const WeightMatrix& source) {
    type_ = DataType::kI8;
    const std::int64_t blocks = rounded_up(source.columns, kLoraScaled) / kLoraScaled;
    allocate(tiles_ * blocks * kLoraScaledBytes);
    for (std::int64_t rank = 0; rank < source.rows; ++rank) {
        for (std::int64_t block = 0; block < blocks; ++block) {
            std::byte* to = bytes_.data() + (rank / kLoraRanks * blocks + block) * kLoraScaledBytes;
            const std::int64_t first = rank * source.columns + block * kLoraScaled;
            const std::int64_t count = std::min(kLoraScaled, source.columns - block * kLoraScaled);
            const float scale = scale_of(source, {.first = first, .count = count});
            std::memcpy(to + rank % kLoraRanks * 4, &scale, sizeof scale);
            for (std::int64_t i = 0; i < count; ++i) {
                const std::int64_t group = i / kLoraColumns * kLoraRanks + rank % kLoraRanks;
                to[kLoraScaleBytes + group * kLoraColumns + i % kLoraColumns] =
                    code_of(source, first + i, scale);
            }
        }
    }
}

void LoraMatrix::pack_b_int8(const WeightMatrix& source) {
    type_ = DataType::kI8;
    const std::int64_t ranks = source.columns;
    const std::int64_t tile_bytes = ranks * 4 + ranks * kLoraOutputs;
    allocate(tiles_ * tile_bytes);
    for (std::int64_t tile = 0; tile < tiles_; ++tile) {
        std::byte* to = bytes_.data() + tile * tile_bytes;
        const std::int64_t count = std::min(kLoraOutputs, source.rows - tile * kLoraOutputs);
        for (std::int64_t rank = 0; rank < ranks; ++rank) {
            const std::int64_t first = tile * kLoraOutputs * ranks + rank;
            const float scale = scale_of(source, {.first = first, .stride = ranks, .count = count});
            std::memcpy(to + rank * 4, &scale, sizeof scale);
            for (std::int64_t i = 0; i < count; ++i) {
                to[ranks * 4 + rank * kLoraOutputs + i] = code_of(source, first + i * ranks, scale);
            }
        }
    }
}

void LoraMatrix::allocate(std::int64_t bytes) {
    bytes_.resize(static_cast<std::size_t>(bytes));
    data_ = bytes_.data();
    size_ = std::ssize(bytes_);
}

void LoraMatrix::move_to(std::byte* place) {
    std::memcpy(place, data_, static_cast<std::size_t>(size_));
    data_ = place;
    bytes_ = {};
}

const LoraTable& lora_table_for(Isa isa) {
    switch (isa) {
#if defined(__x86_64__)
        case Isa::kAvx2:
            return kAvx2Lora;
        case Isa::kAvx512:
            return kAvx512Lora;
#elif defined(__aarch64__)
        case Isa::kNeon:
            return kNeonLora;
#endif
        default:
            return kScalarLora;
    }
}

}  // namespace capstan::engine::kernels
