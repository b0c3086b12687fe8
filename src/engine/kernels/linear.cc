#include "engine/kernels/linear.h"

#include "base/check.h"

namespace capstan::engine::kernels {
namespace {

// Below this many multiplications a product is not worth waking other threads.
constexpr std::int64_t kSharedWorkMin = 100'000;
constexpr std::int64_t kRowGrain = 8;

}  // namespace

PackedMatrix PackedMatrix::pack(const WeightMatrix& source, ThreadTeam&) {
    PackedMatrix matrix;
    matrix.source_ = source;
    return matrix;
}

std::int64_t PackedMatrix::bytes() const {
    return bytes_of(source_.type, rows() * columns());
}

void PackedMatrix::read_row(std::int64_t row, float* out) const {
    for (std::int64_t column = 0; column < columns(); ++column) {
        out[column] = weight_at(source_.data, source_.type, row * columns() + column);
    }
}

void Activations::assign(const float* x, std::int64_t tokens, std::int64_t columns) {
    x_ = x;
    tokens_ = tokens;
    columns_ = columns;
}

void multiply(const PackedMatrix& matrix, Activations& x, float* y, ThreadTeam& team) {
    CHECK(x.columns_ == matrix.columns(), "a product's inner sizes are equal");
    const bool is_small = matrix.rows() * matrix.columns() * x.tokens_ < kSharedWorkMin;
    team.run(
        matrix.rows(),
        is_small ? matrix.rows() : kRowGrain,
        [&](int, std::int64_t begin, std::int64_t end) {
            best_kernels().matmul({
                .weights = matrix.source_,
                .x = x.x_,
                .tokens = x.tokens_,
                .y = y,
                .row_begin = begin,
                .row_end = end,
            });
        }
    );
}

}  // namespace capstan::engine::kernels
