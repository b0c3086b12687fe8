// Low-rank updates against float64, for every instruction set, type and odd shape.

#include "engine/kernels/lora.h"

#include <cmath>
#include <cstring>
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

TEST_P(Lora, IsNearFloat64ForOddShapesAndTypes) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    for (const DataType type : {DataType::kF32, DataType::kF16, DataType::kBf16}) {
        for (const auto [rank, in, out] : {std::tuple{1, 3, 5}, {8, 64, 64}, {16, 100, 130}, {19, 257, 65}}) {
            const Matrix a(rank, in, type, random);
            const Matrix b(out, rank, type, random);
            std::vector<std::vector<float>> x(3, std::vector<float>(static_cast<std::size_t>(in)));
            for (auto& row : x) {
                for (float& value : row) {
                    value = normal(random);
                }
            }
            const auto y =
                run(lora_table_for(GetParam()),
                    LoraMatrix::pack_a(a.view, LoraPrecision::kHalf),
                    LoraMatrix::pack_b(b.view, LoraPrecision::kHalf),
                    x,
                    4);
            // F32 is kept in 11 bits; rounding errors grow as a random walk over both sums.
            const double relative = type == DataType::kF32 ? 1.0 / 1024 : 1e-5;
            for (std::size_t row = 0; row < x.size(); ++row) {
                for (std::int64_t o = 0; o < out; ++o) {
                    double sum = 0;
                    double size = 0;
                    for (std::int64_t r = 0; r < rank; ++r) {
                        double inner = 0;
                        double inner_size = 0;
                        for (std::int64_t c = 0; c < in; ++c) {
                            const auto value = static_cast<double>(x[row][static_cast<std::size_t>(c)]);
                            inner += a.at(r, c) * value;
                            inner_size += std::abs(a.at(r, c) * value);
                        }
                        sum += inner * b.at(o, r);
                        size += inner_size * std::abs(b.at(o, r));
                    }
                    EXPECT_NEAR(
                        y[row][static_cast<std::size_t>(o)], 0.5 + 0.75 * sum, relative * size + 1e-6
                    );
                }
            }
        }
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
    const LoraMatrix packed_a = LoraMatrix::pack_a(a.view, LoraPrecision::kStored);
    const LoraMatrix packed_b = LoraMatrix::pack_b(b.view, LoraPrecision::kHalf);
    const auto alone = run(table, packed_a, packed_b, x, 1);
    for (const std::size_t rows : {2U, 3U, 4U}) {
        EXPECT_EQ(run(table, packed_a, packed_b, x, rows), alone);
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
}

}  // namespace
}  // namespace capstan::engine::kernels
