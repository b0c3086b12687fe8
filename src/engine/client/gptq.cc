#include "engine/client/gptq.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "engine/files/quantise.h"

namespace capstan::engine {
namespace {

constexpr std::int64_t kGroup = 32;           // That share a scale.
constexpr std::int64_t kColumnsAtOnce = 128;  // Whose losses are told to the rest together.
constexpr std::int64_t kTileColumns = 256;    // Of the rest, so that the factor's part stays in the cache.
constexpr std::int64_t kPanelRows = 32;

// Of a symmetric matrix, of which the lower half is looked at.
class Square {
public:
    Square(std::vector<double> values, std::int64_t size) : values_(std::move(values)), size_(size) {}

    double* row(std::int64_t i) { return values_.data() + i * size_; }

    // A share of the mean of the diagonal is added to it; where it was 0, all of it.
    void damp() {
        double sum = 0;
        for (std::int64_t i = 0; i < size_; ++i) {
            sum += row(i)[i];
        }
        const double mean = sum > 0 ? sum / static_cast<double>(size_) : 1;
        for (std::int64_t i = 0; i < size_; ++i) {
            row(i)[i] += row(i)[i] == 0 ? mean : kGptqDamping * mean;
        }
    }

    // Becomes the lower R with RᵀR = what was here, from the last row to the first. False when there is none.
    bool factor(ThreadTeam& team) {
        for (std::int64_t end = size_; end > 0; end -= std::min(end, kPanelRows)) {
            const std::int64_t begin = end - std::min(end, kPanelRows);
            for (std::int64_t pivot = end - 1; pivot >= begin; --pivot) {
                double* values = row(pivot);
                if (!(values[pivot] > 0) || !std::isfinite(values[pivot])) {
                    return false;
                }
                const double inverse = 1 / std::sqrt(values[pivot]);
                for (std::int64_t i = 0; i <= pivot; ++i) {
                    values[i] *= inverse;
                }
                for (std::int64_t other = begin; other < pivot; ++other) {
                    subtract(pivot, other);
                }
            }
            team.run(begin, 1, [&](int, std::int64_t first, std::int64_t last) {
                for (std::int64_t other = first; other < last; ++other) {
                    for (std::int64_t pivot = end - 1; pivot >= begin; --pivot) {
                        subtract(pivot, other);
                    }
                }
            });
        }
        return true;
    }

    // Row `index` of the inverse of the lower matrix that is here, [index + 1].
    std::vector<double> inverse_row(std::int64_t index) {
        std::vector<double> sums(static_cast<std::size_t>(index) + 1);
        sums.back() = 1;
        for (std::int64_t k = index; k >= 0; --k) {
            const double* values = row(k);
            const double element = sums[static_cast<std::size_t>(k)] / values[k];
            for (std::int64_t i = 0; i < k; ++i) {
                sums[static_cast<std::size_t>(i)] -= element * values[i];
            }
            sums[static_cast<std::size_t>(k)] = element;
        }
        return sums;
    }

private:
    void subtract(std::int64_t pivot, std::int64_t other) {
        const double* from = row(pivot);
        double* to = row(other);
        const double factor = from[other];
        for (std::int64_t i = 0; i <= other; ++i) {
            to[i] -= factor * from[i];
        }
    }

    std::vector<double> values_;
    std::int64_t size_;
};

// How a type says a number: scale · code, codes from -`below` to `above`.
struct Codes {
    float below = 0;
    float above = 0;
};

Codes codes_of(DataType type) {
    return type == DataType::kQ8_0 ? Codes{.below = 127, .above = 127} : Codes{.below = 8, .above = 7};
}

int nearest_code(float value, float scale, const Codes& codes) {
    const float code = scale == 0 ? 0 : std::nearbyint(value / scale);
    if (!(code > -codes.below)) {  // Also when it is no number.
        return static_cast<int>(-codes.below);
    }
    return static_cast<int>(std::min(code, codes.above));
}

// One row of a block of columns.
class Rounder {
public:
    Rounder(const GptqFactor& factor, DataType type)
        : factor_(factor), type_(type), codes_(codes_of(type)), block_bytes_(block_of(type).bytes) {}

    // Columns [first, end) of the row `values`, into its blocks `out`. What each lost, in parts of the
    // factor's diagonal, goes to `losses`.
    void round(float* values, std::int64_t first, std::int64_t end, float* losses, std::byte* out) {
        for (std::int64_t column = first; column < end; ++column) {
            if (column % kGroup == 0) {
                begin_block(values + column, out + column / kGroup * block_bytes_);
            }
            const int code = nearest_code(values[column], scale_, codes_);
            put(column % kGroup, code);
            const float* factors = factor_.row(column);
            const float loss = (values[column] - scale_ * static_cast<float>(code)) / factors[column];
            losses[column - first] = loss;
            for (std::int64_t later = column + 1; later < end; ++later) {
                values[later] -= loss * factors[later];
            }
        }
    }

private:
    void begin_block(const float* values, std::byte* block) {
        quantise(type_, values, kGroup, nullptr, block);
        std::uint16_t half;
        std::memcpy(&half, block, sizeof half);
        scale_ = float_of_f16(half);
        block_codes_ = block + sizeof half;
        std::memset(block_codes_, 0, static_cast<std::size_t>(block_bytes_) - sizeof half);
    }

    // Four bits: the first 16 in low halves.
    void put(std::int64_t at, int code) {
        if (type_ == DataType::kQ8_0) {
            block_codes_[at] = static_cast<std::byte>(code);
            return;
        }
        const int nibble = code + 8;
        block_codes_[at % 16] |= static_cast<std::byte>(at < 16 ? nibble : nibble << 4);
    }

    const GptqFactor& factor_;
    DataType type_;
    Codes codes_;
    std::int64_t block_bytes_;
    float scale_ = 0;
    std::byte* block_codes_ = nullptr;
};

// What columns [first, end) lost is made up for in all behind them.
void tell_rest(
    const GptqFactor& factor,
    std::int64_t first,
    std::int64_t end,
    const std::vector<float>& losses,
    std::span<float> values
) {
    const std::int64_t columns = factor.columns();
    const std::int64_t rows = std::ssize(values) / columns;
    for (std::int64_t tile = end; tile < columns; tile += kTileColumns) {
        const std::int64_t tile_end = std::min(tile + kTileColumns, columns);
        for (std::int64_t row = 0; row < rows; ++row) {
            float* to = values.data() + row * columns;
            for (std::int64_t column = first; column < end; ++column) {
                const float loss = losses[static_cast<std::size_t>(row * kColumnsAtOnce + column - first)];
                const float* factors = factor.row(column);
                for (std::int64_t later = tile; later < tile_end; ++later) {
                    to[later] -= loss * factors[later];
                }
            }
        }
    }
}

}  // namespace

bool is_gptq_type(DataType type) {
    return type == DataType::kQ4_0 || type == DataType::kQ8_0;
}

// With H = RᵀR, R lower, the inverse is R⁻¹·(R⁻¹)ᵀ, so U is the transpose of R⁻¹.
Result<GptqFactor> GptqFactor::make(std::vector<double> sums, std::int64_t columns, ThreadTeam& team) {
    CHECK(std::ssize(sums) == columns * columns, "the sums are square");
    Square square(std::move(sums), columns);
    square.damp();
    if (!square.factor(team)) {
        return Error{ErrorCode::kInvalid, "the inputs that were seen are no numbers, or too large"};
    }
    std::vector<float> upper(static_cast<std::size_t>(columns * columns));
    team.run(columns, 1, [&](int, std::int64_t begin, std::int64_t end) {
        for (std::int64_t column = begin; column < end; ++column) {
            const std::vector<double> values = square.inverse_row(column);
            for (std::size_t row = 0; row < values.size(); ++row) {
                upper[row * static_cast<std::size_t>(columns) + static_cast<std::size_t>(column)] =
                    static_cast<float>(values[row]);
            }
        }
    });
    return GptqFactor(std::move(upper), columns);
}

void gptq_round(const GptqFactor& factor, const GptqRows& rows) {
    CHECK(is_gptq_type(rows.type), "GPTQ rounds to types with a scale for each 32");
    const std::int64_t columns = factor.columns();
    CHECK(columns % kGroup == 0, "rows are whole blocks");
    const std::int64_t count = std::ssize(rows.values) / columns;
    const std::int64_t row_bytes = bytes_of(rows.type, columns);
    std::vector<float> losses(static_cast<std::size_t>(count * kColumnsAtOnce));
    Rounder rounder(factor, rows.type);
    for (std::int64_t first = 0; first < columns; first += kColumnsAtOnce) {
        const std::int64_t end = std::min(first + kColumnsAtOnce, columns);
        for (std::int64_t row = 0; row < count; ++row) {
            rounder.round(
                rows.values.data() + row * columns,
                first,
                end,
                losses.data() + row * kColumnsAtOnce,
                rows.out + row * row_bytes
            );
        }
        tell_rest(factor, first, end, losses, rows.values);
    }
}

}  // namespace capstan::engine
