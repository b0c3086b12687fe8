#include "engine/kernels/linear.h"

#include <algorithm>

#include "base/check.h"
#include "engine/files/dequantise.h"
#include "engine/kernels/linear_pack.h"
#include "engine/kernels/linear_quantise.h"
#include "engine/kernels/linear_unpack.h"

namespace capstan::engine::kernels {
namespace {

// Below this many multiplications a product is not worth waking other threads.
constexpr std::int64_t kSharedWorkMin = 30'000;
// One large page: inputs are read again and again, from more places than small pages have entries for.
constexpr std::int64_t kInputBytesMin = std::int64_t{2} << 20;
constexpr std::int64_t kSharedNumbersMin = 50'000;

PackedFormat format_for(DataType type, PackAs as) {
    const PackedFormat stored = packed_format_of(type);
    const bool has_more = stored == PackedFormat::kF32 || stored == PackedFormat::kInt16;
    if (as == PackAs::kFloat) {
        return PackedFormat::kF32;
    }
    if (as == PackAs::kInt8 && has_more) {
        return PackedFormat::kQ8_0;
    }
    if (as == PackAs::kInt4 && (has_more || stored == PackedFormat::kQ8_0)) {
        return PackedFormat::kQ4_1;
    }
    return stored;
}

std::int64_t tiles_of(std::int64_t rows) {
    return (rows + kTileRows - 1) / kTileRows;
}

// Cuts `memory` into an input form's arrays, each at the begin of a cache line.
class Cutter {
public:
    explicit Cutter(std::byte* memory) : memory_(memory) {}  // nullptr only measures.

    template <typename T>
    T* take(std::int64_t count) {
        std::byte* taken = memory_ == nullptr ? nullptr : memory_ + bytes_;
        bytes_ += (count * static_cast<std::int64_t>(sizeof(T)) + 63) / 64 * 64;
        return reinterpret_cast<T*>(taken);
    }

    std::int64_t bytes() const { return bytes_; }

private:
    std::byte* memory_;
    std::int64_t bytes_ = 0;
};

InputArrays cut_arrays(Cutter& cutter, InputForm form, std::int64_t tokens, std::int64_t columns) {
    InputArrays arrays;
    if (form == InputForm::kFloat) {
        arrays.floats = cutter.take<float>(tokens * columns);
        return arrays;
    }
    const std::int64_t groups = tokens * groups_of(columns);
    arrays.codes = cutter.take<std::byte>(groups * kGroupColumns * (form == InputForm::kInt16 ? 2 : 1));
    arrays.scales = cutter.take<float>(groups);
    if (form == InputForm::kInt8) {
        arrays.sums = cutter.take<float>(groups);
        for (int i = 0; i < kOffsets; ++i) {
            arrays.offsets[i] =
                cutter.take<std::int32_t>(i == static_cast<int>(Offset::kBy32) ? groups * 2 : groups);
        }
    }
    return arrays;
}

}  // namespace

PackedMatrix PackedMatrix::pack(const WeightMatrix& source, ThreadTeam& team, PackAs as) {
    CHECK(source.columns % block_of(source.type).elements == 0, "rows are whole blocks");
    PackedMatrix matrix;
    matrix.source_ = source;
    matrix.format_ = format_for(source.type, as);
    const std::int64_t tile_bytes = layout_of(matrix.format_).tile_bytes(source.columns);
    matrix.tiles_ = HugeBuffer(tiles_of(source.rows) * tile_bytes);
    team.run(tiles_of(source.rows), 1, [&](int, std::int64_t begin, std::int64_t end) {
        for (std::int64_t tile = begin; tile < end; ++tile) {
            pack_tile({
                .source = source,
                .format = matrix.format_,
                .tile = tile,
                .to = matrix.tiles_.data() + tile * tile_bytes,
            });
        }
    });
    return matrix;
}

std::int64_t PackedMatrix::bytes() const {
    return tiles_.size();
}

void PackedMatrix::read_row(std::int64_t row, float* out) const {
    const std::int64_t row_bytes = bytes_of(source_.type, columns());
    dequantise(source_.type, source_.data + row * row_bytes, columns(), out);
}

void Activations::assign(const float* x, std::int64_t tokens, std::int64_t columns) {
    x_ = x;
    tokens_ = tokens;
    columns_ = columns;
    for (Form& form : forms_) {
        form.is_made = false;
    }
}

const InputArrays& Activations::in_form(InputForm form, ThreadTeam& team) {
    Form& made = forms_[static_cast<std::size_t>(form)];
    if (made.is_made) {
        return made.arrays;
    }
    Cutter measure(nullptr);
    (void)cut_arrays(measure, form, tokens_, columns_);
    if (made.memory.size() < measure.bytes()) {
        made.memory = HugeBuffer(std::max(measure.bytes(), kInputBytesMin));
    }
    Cutter cutter(made.memory.data());
    made.arrays = cut_arrays(cutter, form, tokens_, columns_);
    const bool is_small = tokens_ * columns_ < kSharedNumbersMin;
    team.run(tokens_, is_small ? tokens_ : 1, [&](int, std::int64_t begin, std::int64_t end) {
        table_->quantise({
            .form = form,
            .x = x_,
            .tokens = tokens_,
            .columns = columns_,
            .token_begin = begin,
            .token_end = end,
            .to = made.arrays,
        });
    });
    made.is_made = true;
    return made.arrays;
}

void multiply(const PackedMatrix& matrix, Activations& x, float* y, ThreadTeam& team) {
    CHECK(x.columns_ == matrix.columns(), "a product's inner sizes are equal");
    const InputArrays& inputs = x.in_form(input_form_of(matrix.format_), team);
    const bool is_small = matrix.rows() * matrix.columns() * x.tokens_ < kSharedWorkMin;
    const std::int64_t tiles = tiles_of(matrix.rows());
    team.run(tiles, is_small ? tiles : 1, [&](int, std::int64_t begin, std::int64_t end) {
        x.table_->multiply({
            .format = matrix.format_,
            .tiles = matrix.tiles_.data(),
            .rows = matrix.rows(),
            .columns = matrix.columns(),
            .tile_begin = begin,
            .tile_end = end,
            .x = inputs,
            .tokens = x.tokens_,
            .y = y,
        });
    });
}

}  // namespace capstan::engine::kernels
