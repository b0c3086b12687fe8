// Low-rank updates against float64, for every instruction set, type and odd shape.

#include "engine/kernels/lora.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace capstan::engine::kernels {
namespace {

struct Matrix {
    std::vector<std::byte> bytes;
    WeightMatrix view;

    Matrix(std::int64_t rows, std::int64_t columns, DataType type, std::mt19937& random)
        : bytes(static_cast<std::size_t>(rows * columns * bytes_of(type))) {
        std::normal_distribution<float> normal;
        for (std::int64_t i = 0; i < rows * columns; ++i) {
            const float value = normal(random);
            std::byte* to = bytes.data() + i * bytes_of(type);
            if (type == DataType::kF32) {
                std::memcpy(to, &value, sizeof value);
            } else {
                const auto bits = type == DataType::kF16 ? f16_of_float(value) : bf16_of_float(value);
                std::memcpy(to, &bits, sizeof bits);
            }
        }
        view = {.data = bytes.data(), .type = type, .rows = rows, .columns = columns};
    }

    double at(std::int64_t row, std::int64_t column) const {
        return static_cast<double>(weight_at(view.data, view.type, row * view.columns + column));
    }
};

// y of `rows` rows, each of them `rows_at_once` at a time.
std::vector<std::vector<float>> run(
    const LoraTable& table,
    const LoraMatrix& a,
    const LoraMatrix& b,
    std::vector<std::vector<float>>& x,
    std::size_t rows_at_once
) {
    std::vector<std::vector<float>> y(x.size(), std::vector<float>(static_cast<std::size_t>(b.rows()), 0.5F));
    std::vector<std::vector<float>> inner(
        x.size(), std::vector<float>(static_cast<std::size_t>(a.tiles() * kLoraRanks))
    );
    for (std::size_t first = 0; first < x.size(); first += rows_at_once) {
        const std::size_t count = std::min(rows_at_once, x.size() - first);
        for (std::int64_t tile = 0; tile < a.tiles(); ++tile) {
            LoraInnerWork work = {
                .tile = a.tile(tile),
                .type = a.type(),
                .columns = a.columns(),
                .rows = static_cast<std::int64_t>(count),
            };
            for (std::size_t i = 0; i < count; ++i) {
                work.x[i] = x[first + i].data();
                work.inner[i] = inner[first + i].data() + tile * kLoraRanks;
            }
            table.inner(work);
        }
        for (std::int64_t tile = 0; tile < b.tiles(); ++tile) {
            LoraOuterWork work = {
                .tile = b.tile(tile),
                .type = b.type(),
                .ranks = b.columns(),
                .outputs = std::min(kLoraOutputs, b.rows() - tile * kLoraOutputs),
                .scale = 0.75F,
                .rows = static_cast<std::int64_t>(count),
            };
            for (std::size_t i = 0; i < count; ++i) {
                work.inner[i] = inner[first + i].data();
                work.y[i] = y[first + i].data() + tile * kLoraOutputs;
            }
            table.outer(work);
        }
    }
    return y;
}

class Lora : public testing::TestWithParam<Isa> {};

struct Shape {
    std::int64_t rank;
    std::int64_t in;
    std::int64_t out;
};

// `relative`: to the sum of all products' magnitudes.
void expect_near_float64(const LoraTable& table, DataType type, LoraPrecision precision, double relative) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    for (const Shape& shape : {Shape{1, 3, 5}, {8, 64, 64}, {16, 100, 130}, {19, 257, 65}}) {
        const Matrix a(shape.rank, shape.in, type, random);
        const Matrix b(shape.out, shape.rank, type, random);
        std::vector<std::vector<float>> x(3, std::vector<float>(static_cast<std::size_t>(shape.in)));
        for (auto& row : x) {
            std::ranges::generate(row, [&] { return normal(random); });
        }
        const auto y =
            run(table, LoraMatrix::pack_a(a.view, precision), LoraMatrix::pack_b(b.view, precision), x, 4);
        for (std::size_t row = 0; row < x.size(); ++row) {
            for (std::int64_t o = 0; o < shape.out; ++o) {
                double sum = 0;
                double size = 0;
                for (std::int64_t r = 0; r < shape.rank; ++r) {
                    double inner = 0;
                    double inner_size = 0;
                    for (std::int64_t c = 0; c < shape.in; ++c) {
                        const double product =
                            a.at(r, c) * static_cast<double>(x[row][static_cast<std::size_t>(c)]);
                        inner += product;
                        inner_size += std::abs(product);
                    }
                    sum += inner * b.at(o, r);
                    size += inner_size * std::abs(b.at(o, r));
                }
                EXPECT_NEAR(y[row][static_cast<std::size_t>(o)], 0.5 + 0.75 * sum, relative * size + 1e-6);
            }
        }
    }
}

// Rounding errors grow as a random walk over both sums.
TEST_P(Lora, IsNearFloat64ForOddShapesAndTypes) {
    const LoraTable& table = lora_table_for(GetParam());
    expect_near_float64(table, DataType::kF32, LoraPrecision::kStored, 1e-5);
    expect_near_float64(table, DataType::kF32, LoraPrecision::kHalf, 1.0 / 1024);
    expect_near_float64(table, DataType::kF16, LoraPrecision::kHalf, 1e-5);
    expect_near_float64(table, DataType::kBf16, LoraPrecision::kHalf, 1e-5);
}

// The largest that share a scale are some three times as large as most: each is wrong by 1/85 at most, of
// both matrices.
TEST_P(Lora, InEightBitsIsWithinTwoPercentOfFloat64) {
    for (const DataType type : {DataType::kF32, DataType::kF16, DataType::kBf16}) {
        expect_near_float64(lora_table_for(GetParam()), type, LoraPrecision::kInt8, 0.02);
    }
}

TEST_P(Lora, ARowsBitsDoNotDependOnItsNeighbours) {
    std::mt19937 random(8);
    std::normal_distribution<float> normal;
    const Matrix a(20, 150, DataType::kF32, random);
    const Matrix b(210, 20, DataType::kBf16, random);
    std::vector<std::vector<float>> x(7, std::vector<float>(150));
    for (auto& row : x) {
        for (float& value : row) {
            value = normal(random);
        }
    }
    const LoraTable& table = lora_table_for(GetParam());
    for (const auto precision : {LoraPrecision::kStored, LoraPrecision::kInt8}) {
        const LoraMatrix packed_a = LoraMatrix::pack_a(a.view, precision);
        const LoraMatrix packed_b = LoraMatrix::pack_b(b.view, precision);
        const auto alone = run(table, packed_a, packed_b, x, 1);
        for (const std::size_t rows : {2U, 3U, 4U}) {
            EXPECT_EQ(run(table, packed_a, packed_b, x, rows), alone);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Lora, testing::ValuesIn(supported_isas()));

TEST(LoraMatrix, ValuesTooLargeForF16StayAsTheyAre) {
    const std::vector<float> values = {1.0F, 70'000.0F};
    const WeightMatrix source = {
        .data = reinterpret_cast<const std::byte*>(values.data()),
        .type = DataType::kF32,
        .rows = 1,
        .columns = 2,
    };
    EXPECT_EQ(LoraMatrix::pack_a(source, LoraPrecision::kHalf).type(), DataType::kF32);
    EXPECT_EQ(LoraMatrix::pack_b(source, LoraPrecision::kHalf).type(), DataType::kF32);
    EXPECT_EQ(LoraMatrix::pack_a(source, LoraPrecision::kInt8).type(), DataType::kI8);
}

TEST(LoraMatrix, WhatIsNoNumberIsNotRoundedToOne) {
    const std::vector<float> values = {1.0F, std::numeric_limits<float>::infinity()};
    const WeightMatrix source = {
        .data = reinterpret_cast<const std::byte*>(values.data()),
        .type = DataType::kF32,
        .rows = 2,
        .columns = 1,
    };
    EXPECT_EQ(LoraMatrix::pack_a(source, LoraPrecision::kInt8).type(), DataType::kF32);
    EXPECT_EQ(LoraMatrix::pack_b(source, LoraPrecision::kInt8).type(), DataType::kF32);
}

}  // namespace
}  // namespace capstan::engine::kernels
