#include "engine/client/gptq.h"

#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "engine/files/dequantise.h"
#include "engine/files/quantise.h"

namespace capstan::engine {
namespace {

using Matrix = std::vector<std::vector<double>>;

// By Gauss and Jordan.
Matrix inverse_of(Matrix matrix) {
    const std::size_t size = matrix.size();
    Matrix inverse(size, std::vector<double>(size));
    for (std::size_t i = 0; i < size; ++i) {
        inverse[i][i] = 1;
    }
    for (std::size_t pivot = 0; pivot < size; ++pivot) {
        const double divisor = matrix[pivot][pivot];
        for (std::size_t i = 0; i < size; ++i) {
            matrix[pivot][i] /= divisor;
            inverse[pivot][i] /= divisor;
        }
        for (std::size_t row = 0; row < size; ++row) {
            const double factor = row == pivot ? 0 : matrix[row][pivot];
            for (std::size_t i = 0; i < size; ++i) {
                matrix[row][i] -= factor * matrix[pivot][i];
                inverse[row][i] -= factor * inverse[pivot][i];
            }
        }
    }
    return inverse;
}

Matrix behind(const Matrix& matrix, std::size_t first) {
    Matrix part;
    for (std::size_t row = first; row < matrix.size(); ++row) {
        part.emplace_back(matrix[row].begin() + static_cast<std::ptrdiff_t>(first), matrix[row].end());
    }
    return part;
}

// Equations 2 and 3 of the paper as they stand: for each column the Hessian of those that are left is
// inverted anew. Returns the numbers that the codes stand for.
std::vector<float> slow_gptq(DataType type, std::vector<float> weights, const std::vector<Matrix>& inverses) {
    const double steps = type == DataType::kQ8_0 ? 127 : 8;
    std::vector<float> rounded(weights.size());
    float scale = 0;
    for (std::size_t column = 0; column < weights.size(); ++column) {
        if (column % 32 == 0) {
            std::vector<std::byte> block(static_cast<std::size_t>(block_of(type).bytes));
            quantise(type, weights.data() + column, 32, nullptr, block.data());
            std::uint16_t half;
            std::memcpy(&half, block.data(), 2);
            scale = float_of_f16(half);
        }
        const double highest = type == DataType::kQ8_0 ? 127 : 7;
        const double code =
            scale == 0 ? 0 : std::clamp(std::nearbyint(double{weights[column]} / scale), -steps, highest);
        rounded[column] = static_cast<float>(code * scale);
        const Matrix& inverse = inverses[column];
        const double loss = (double{weights[column]} - rounded[column]) / inverse[0][0];
        for (std::size_t i = column; i < weights.size(); ++i) {
            weights[i] -= static_cast<float>(loss * inverse[0][i - column]);
        }
    }
    return rounded;
}

class Gptq : public testing::Test {
protected:
    // Inputs of which columns go together, as a model's do.
    std::vector<double> sums(std::int64_t columns, std::int64_t samples) {
        std::normal_distribution<double> normal;
        std::vector<double> sums(static_cast<std::size_t>(columns * columns));
        std::vector<double> x(static_cast<std::size_t>(columns));
        for (std::int64_t sample = 0; sample < samples; ++sample) {
            const double common = normal(random_);
            for (std::size_t i = 0; i < x.size(); ++i) {
                x[i] = normal(random_) * (i % 7 == 0 ? 5 : 1) + common * static_cast<double>(i % 3);
            }
            for (std::size_t i = 0; i < sums.size(); ++i) {
                sums[i] += x[i / x.size()] * x[i % x.size()];
            }
        }
        return sums;
    }

    static Matrix damped(const std::vector<double>& sums, std::size_t columns) {
        Matrix matrix(columns, std::vector<double>(columns));
        double trace = 0;
        for (std::size_t i = 0; i < columns; ++i) {
            trace += sums[i * columns + i];
        }
        for (std::size_t i = 0; i < sums.size(); ++i) {
            matrix[i / columns][i % columns] = sums[i];
        }
        for (std::size_t i = 0; i < columns; ++i) {
            const double mean = trace / static_cast<double>(columns);
            matrix[i][i] += matrix[i][i] == 0 ? mean : kGptqDamping * mean;
        }
        return matrix;
    }

    std::vector<float> weights(std::int64_t count) {
        std::normal_distribution<float> normal(0, 0.1F);
        std::vector<float> values(static_cast<std::size_t>(count));
        for (float& value : values) {
            value = normal(random_);
        }
        return values;
    }

    std::vector<float> rounded(DataType type, std::vector<float> values, const GptqFactor& factor) {
        std::vector<std::byte> blocks(static_cast<std::size_t>(bytes_of(type, std::ssize(values))));
        gptq_round(factor, {.type = type, .values = values, .out = blocks.data()});
        std::vector<float> numbers(values.size());
        dequantise(type, blocks.data(), std::ssize(numbers), numbers.data());
        return numbers;
    }

    std::mt19937 random_{5};
    ThreadTeam team_{2};
};

// wᵀHw of what was lost.
double loss_of(std::span<const float> before, std::span<const float> after, const Matrix& hessian) {
    double loss = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
        for (std::size_t k = 0; k < before.size(); ++k) {
            loss += (double{before[i]} - after[i]) * hessian[i][k] * (double{before[k]} - after[k]);
        }
    }
    return loss;
}

TEST_F(Gptq, TheFactorsSquareIsTheInverse) {
    for (const std::int64_t columns : {1, 31, 70}) {
        const auto hessian_sums = sums(columns, 200);
        const auto factor = GptqFactor::make(hessian_sums, columns, team_);
        ASSERT_TRUE(factor);
        const Matrix inverse = inverse_of(damped(hessian_sums, static_cast<std::size_t>(columns)));
        for (std::int64_t row = 0; row < columns; ++row) {
            for (std::int64_t column = 0; column < columns; ++column) {
                double product = 0;
                for (std::int64_t k = 0; k < columns; ++k) {
                    product += double{factor->row(k)[row]} * factor->row(k)[column];
                }
                const auto i = static_cast<std::size_t>(row);
                const double scale =
                    std::sqrt(inverse[i][i]) *
                    std::sqrt(inverse[static_cast<std::size_t>(column)][static_cast<std::size_t>(column)]);
                ASSERT_NEAR(product, inverse[i][static_cast<std::size_t>(column)], 1e-5 * scale);
            }
        }
    }
}

TEST_F(Gptq, RoundsAsThePapersEquationsDo) {
    constexpr std::int64_t kColumns = 160;  // More than are done together.
    auto hessian_sums = sums(kColumns, 300);
    for (std::int64_t i = 0; i < kColumns; ++i) {  // A column that was always 0.
        hessian_sums[static_cast<std::size_t>(i * kColumns + 40)] = 0;
        hessian_sums[static_cast<std::size_t>(40 * kColumns + i)] = 0;
    }
    const auto factor = GptqFactor::make(hessian_sums, kColumns, team_);
    ASSERT_TRUE(factor);
    const Matrix hessian = damped(hessian_sums, kColumns);
    std::vector<Matrix> inverses;
    for (std::size_t column = 0; column < kColumns; ++column) {
        inverses.push_back(inverse_of(behind(hessian, column)));
    }
    for (const DataType type : {DataType::kQ4_0, DataType::kQ8_0}) {
        const std::vector<float> both = weights(2 * kColumns);  // Two rows.
        const std::vector<float> actual = rounded(type, both, *factor);
        std::int64_t different = 0;
        for (std::int64_t row = 0; row < 2; ++row) {
            const auto begin = both.begin() + row * kColumns;
            const std::vector<float> before(begin, begin + kColumns);
            const std::vector<float> expected = slow_gptq(type, before, inverses);
            const std::span after =
                std::span(actual).subspan(static_cast<std::size_t>(row * kColumns), kColumns);
            for (std::size_t i = 0; i < expected.size(); ++i) {
                different += std::fabs(expected[i] - after[i]) > 1e-6F ? 1 : 0;
            }
            EXPECT_NEAR(
                loss_of(before, after, hessian),
                loss_of(before, expected, hessian),
                0.02 * loss_of(before, expected, hessian)
            );
        }
        // What lies within float32's error of the middle of two codes may fall to either side.
        EXPECT_LE(different, type == DataType::kQ8_0 ? 6 : 2);
    }
}

TEST_F(Gptq, LosesLessThanRoundingToNearest) {
    constexpr std::int64_t kColumns = 128;
    const auto hessian_sums = sums(kColumns, 400);
    const auto factor = GptqFactor::make(hessian_sums, kColumns, team_);
    ASSERT_TRUE(factor);
    const Matrix hessian = damped(hessian_sums, kColumns);
    double lost = 0;
    double lost_to_nearest = 0;
    for (int row = 0; row < 8; ++row) {
        const std::vector<float> before = weights(kColumns);
        std::vector<std::byte> blocks(static_cast<std::size_t>(bytes_of(DataType::kQ4_0, kColumns)));
        quantise(DataType::kQ4_0, before.data(), kColumns, nullptr, blocks.data());
        std::vector<float> nearest(kColumns);
        dequantise(DataType::kQ4_0, blocks.data(), kColumns, nearest.data());
        lost += loss_of(before, rounded(DataType::kQ4_0, before, *factor), hessian);
        lost_to_nearest += loss_of(before, nearest, hessian);
    }
    EXPECT_LT(lost, 0.9 * lost_to_nearest);
}

TEST_F(Gptq, WithoutInputsItIsRoundingToNearest) {
    const auto factor = GptqFactor::make(std::vector<double>(64 * 64), 64, team_);
    ASSERT_TRUE(factor);
    const std::vector<float> before = weights(64);
    const std::vector<float> after = rounded(DataType::kQ8_0, before, *factor);
    for (std::size_t i = 0; i < before.size(); ++i) {
        EXPECT_NEAR(after[i], before[i], 0.5 / 127);
    }
}

TEST_F(Gptq, RefusesInputsThatAreNoNumbers) {
    for (const double bad :
         {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        auto broken = sums(32, 40);
        broken[5 * 32 + 5] = bad;
        EXPECT_FALSE(GptqFactor::make(std::move(broken), 32, team_));
    }
}

}  // namespace
}  // namespace capstan::engine
