#include "engine/kernels/lora.h"

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

}  // namespace

LoraMatrix LoraMatrix::pack_a(const WeightMatrix& source, LoraPrecision precision) {
    LoraMatrix matrix;
    matrix.type_ = packed_type(source, precision);
    matrix.rows_ = source.rows;
    matrix.columns_ = source.columns;
    matrix.tiles_ = rounded_up(source.rows, kLoraRanks) / kLoraRanks;
    const std::int64_t groups = rounded_up(source.columns, kLoraColumns) / kLoraColumns;
    matrix.allocate(matrix.tiles_ * groups * kLoraRanks * kLoraColumns);
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
    matrix.allocate(matrix.tiles_ * source.columns * kLoraOutputs);
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

void LoraMatrix::allocate(std::int64_t elements) {
    bytes_.resize(static_cast<std::size_t>(elements * bytes_of(type_)));
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
