// Packed products: against the numbers that the file means, each version against the scalar one to the bit,
// and each against itself in other company.

#include "engine/kernels/linear.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "engine/files/dequantise.h"
#include "engine/kernels/linear_pack.h"
#include "engine/kernels/linear_unpack.h"

namespace capstan::engine::kernels {
namespace {

constexpr DataType kTypes[] = {
    DataType::kF32,
    DataType::kF16,
    DataType::kBf16,
    DataType::kQ8_0,
    DataType::kQ4_0,
    DataType::kQ4_1,
    DataType::kQ5_0,
    DataType::kQ5_1,
    DataType::kQ4K,
    DataType::kQ5K,
    DataType::kQ6K,
    DataType::kMxfp4,
    DataType::kF8E4m3
};

std::vector<float> random_floats(std::int64_t count, std::mt19937& random, float spread = 1) {
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) {
        value = normal(random);
    }
    return values;
}

std::uint16_t plain_bits(DataType type, float value) {
    return type == DataType::kF16 ? f16_of_float(value) : bf16_of_float(value);
}

// Where a block's binary16 numbers are; the rest of a block may be any bytes.
std::vector<std::int64_t> halves_of(DataType type) {
    switch (type) {
        case DataType::kQ4_1:
        case DataType::kQ5_1:
        case DataType::kQ4K:
        case DataType::kQ5K:
            return {0, 2};
        case DataType::kQ6K:
            return {208};
        default:
            return {0};
    }
}

struct Source {
    std::vector<std::byte> bytes;
    WeightMatrix matrix;

    std::vector<float> numbers() const {
        std::vector<float> values(static_cast<std::size_t>(matrix.rows * matrix.columns));
        dequantise(matrix.type, matrix.data, matrix.rows * matrix.columns, values.data());
        return values;
    }
};

// Scales become numbers of a usual size.
void put_scales(DataType type, std::vector<std::byte>& bytes, std::mt19937& random) {
    const auto block_bytes = static_cast<std::size_t>(block_of(type).bytes);
    for (std::size_t at = 0; at + block_bytes <= bytes.size(); at += block_bytes) {
        if (type == DataType::kMxfp4) {
            bytes[at] = static_cast<std::byte>(120 + random() % 8);
            continue;
        }
        for (const std::int64_t place : halves_of(type)) {
            const float number = std::uniform_real_distribution<float>(-0.1F, 0.1F)(random);
            const std::uint16_t bits = f16_of_float(number);
            std::memcpy(bytes.data() + at + static_cast<std::size_t>(place), &bits, sizeof bits);
        }
    }
}

void fill_blocks(DataType type, std::vector<std::byte>& bytes, std::mt19937& random) {
    for (std::byte& byte : bytes) {
        byte = static_cast<std::byte>(random());
    }
    put_scales(type, bytes, random);
}

Source random_source(DataType type, std::int64_t rows, std::int64_t columns, std::mt19937& random) {
    Source source;
    source.bytes.resize(static_cast<std::size_t>(bytes_of(type, rows * columns)));
    if (block_of(type).elements > 1) {
        fill_blocks(type, source.bytes, random);
    } else {
        std::byte* to = source.bytes.data();
        for (const float value : random_floats(rows * columns, random)) {
            const std::uint16_t bits = plain_bits(type, value);
            if (type == DataType::kF32) {
                std::memcpy(to, &value, 4);
            } else if (type == DataType::kF8E4m3) {
                *to = static_cast<std::byte>(random() % 0x7F);
            } else {
                std::memcpy(to, &bits, 2);
            }
            to += bytes_of(type);
        }
    }
    source.matrix = {.data = source.bytes.data(), .type = type, .rows = rows, .columns = columns};
    return source;
}

std::vector<float> product(
    LinearIsa isa,
    const PackedMatrix& matrix,
    const std::vector<float>& x,
    std::int64_t tokens,
    int threads = 1
) {
    ThreadTeam team(threads);
    Activations inputs(linear_table_for(isa));
    inputs.assign(x.data(), tokens, matrix.columns());
    std::vector<float> y(static_cast<std::size_t>(tokens * matrix.rows()), 9);
    multiply(matrix, inputs, y.data(), team);
    return y;
}

void expect_same_bits(const std::vector<float>& actual, const std::vector<float>& expected) {
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
        if (std::isnan(expected[i])) {
            ASSERT_TRUE(std::isnan(actual[i])) << "element " << i;
        } else {
            ASSERT_EQ(std::bit_cast<std::uint32_t>(actual[i]), std::bit_cast<std::uint32_t>(expected[i]))
                << "element " << i << ": " << actual[i] << " for " << expected[i];
        }
    }
}

class LinearTest : public testing::Test {
protected:
    std::mt19937 random_{11};
    ThreadTeam team_{1};

    std::int64_t between(std::int64_t low, std::int64_t high) {
        return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
    }

    std::int64_t columns_for(DataType type) {
        const std::int64_t block = block_of(type).elements;
        return block == 1 ? between(1, 200) : block * between(1, 640 / block);
    }
};

class LinearVersions : public LinearTest, public testing::WithParamInterface<LinearIsa> {};

TEST_P(LinearVersions, GiveTheBitsOfTheScalarDefinition) {
    for (const DataType type : kTypes) {
        for (int round = 0; round < 12; ++round) {
            const Source source = random_source(type, between(1, 70), columns_for(type), random_);
            const PackedMatrix matrix = PackedMatrix::pack(source.matrix, team_);
            const std::int64_t tokens = between(1, 30);
            const auto x = random_floats(tokens * matrix.columns(), random_);
            SCOPED_TRACE(name_of(type));
            expect_same_bits(
                product(GetParam(), matrix, x, tokens), product(LinearIsa::kScalar, matrix, x, tokens)
            );
        }
    }
}

TEST_P(LinearVersions, GiveARowTheSameBitsInAnyCompany) {
    for (const DataType type : kTypes) {
        const Source source = random_source(type, 37, 512, random_);
        const PackedMatrix matrix = PackedMatrix::pack(source.matrix, team_);
        const std::int64_t tokens = 29;
        const auto x = random_floats(tokens * 512, random_);
        SCOPED_TRACE(name_of(type));
        const auto together = product(GetParam(), matrix, x, tokens, 3);
        std::vector<float> apart;
        for (std::int64_t token = 0; token < tokens; ++token) {
            const std::vector<float> one(x.begin() + token * 512, x.begin() + (token + 1) * 512);
            const auto y = product(GetParam(), matrix, one, 1);
            apart.insert(apart.end(), y.begin(), y.end());
        }
        expect_same_bits(together, apart);
    }
}

TEST_P(LinearVersions, KeepWhatIsNotANumberWithItsOwnRow) {
    for (const DataType type : kTypes) {
        const Source source = random_source(type, 20, 256, random_);
        const PackedMatrix matrix = PackedMatrix::pack(source.matrix, team_);
        auto x = random_floats(5 * 256, random_);
        const auto clean = product(GetParam(), matrix, x, 5);
        x[256 + 40] = std::numeric_limits<float>::quiet_NaN();
        x[3 * 256 + 255] = std::numeric_limits<float>::infinity();
        const auto y = product(GetParam(), matrix, x, 5);
        SCOPED_TRACE(name_of(type));
        for (std::size_t i = 0; i < y.size(); ++i) {
            const bool is_broken = i / 20 == 1 || i / 20 == 3;
            if (is_broken) {
                ASSERT_FALSE(std::isfinite(y[i])) << i;
            } else {
                ASSERT_EQ(y[i], clean[i]) << i;
            }
        }
    }
}

// Sums on the way hold them: all products of a group the largest, and of one sign.
TEST_P(LinearVersions, TakeTheLargestCodesAndTheLeastInputs) {
    std::vector<float> x(4 * 256, -1.0F);
    std::fill_n(x.begin(), 256, -3e38F);
    std::fill_n(x.begin() + 256, 256, 1e-40F);
    std::fill_n(x.begin() + 512, 256, 1.0F);
    for (const DataType type : kTypes) {
        SCOPED_TRACE(name_of(type));
        const bool has_blocks = block_of(type).elements > 1;
        Source source = random_source(type, 18, 256, random_);
        // Scales are of these bytes, too (0x7B7B is a large binary16; others are no numbers), or as usual.
        for (int i = 0; i < 12; ++i) {
            constexpr int kFills[] = {0x00, 0x77, 0x7B, 0x7F, 0x80, 0xFF};
            if (has_blocks) {
                std::ranges::fill(source.bytes, static_cast<std::byte>(kFills[i / 2]));
            }
            if (has_blocks && i % 2 == 1) {
                put_scales(type, source.bytes, random_);
            }
            const PackedMatrix matrix = PackedMatrix::pack(source.matrix, team_);
            expect_same_bits(product(GetParam(), matrix, x, 4), product(LinearIsa::kScalar, matrix, x, 4));
        }
    }
}

// The inputs' own rounding is within 1/254 of the largest of 32 (1/16,382 in 16 bits, and as much for the
// weights); with random signs the errors of n products add up as √n.
TEST_P(LinearVersions, AreAsNearToExactSumsAsTheInputsAllow) {
    for (const DataType type : kTypes) {
        const Source source = random_source(type, 33, 1024, random_);
        const PackedMatrix matrix = PackedMatrix::pack(source.matrix, team_);
        const auto weights = source.numbers();
        const auto x = random_floats(2 * 1024, random_);
        const auto y = product(GetParam(), matrix, x, 2);
        double error = 0;
        double scale = 0;
        for (std::size_t i = 0; i < y.size(); ++i) {
            double exact = 0;
            double squares = 0;
            for (std::size_t c = 0; c < 1024; ++c) {
                const double one = double{weights[i % 33 * 1024 + c]} * x[i / 33 * 1024 + c];
                exact += one;
                squares += one * one;
            }
            error += (y[i] - exact) * (y[i] - exact);
            scale += squares;
        }
        const double relative = std::sqrt(error / scale);
        SCOPED_TRACE(name_of(type));
        // Largest of 32 normal numbers: about 2.1; uniform error within ± 1/254 of it: 0.0048.
        const InputForm form = input_form_of(matrix.format());
        EXPECT_LT(relative, form == InputForm::kFloat ? 1e-6 : form == InputForm::kInt16 ? 2e-4 : 8e-3);
        EXPECT_GT(relative, 0);
    }
}

TEST_F(LinearTest, PackedBlocksAreTheFilesNumbersToTheBit) {
    for (const DataType type : kTypes) {
        const PackedFormat format = packed_format_of(type);
        if (format == PackedFormat::kInt16) {
            continue;  // Rounded.
        }
        const Source source = random_source(type, 21, 512, random_);
        std::vector<std::byte> tile(static_cast<std::size_t>(layout_of(format).tile_bytes(512)));
        const auto numbers = source.numbers();
        for (std::int64_t row = 0; row < 21; ++row) {
            if (row % kTileRows == 0) {
                pack_tile(
                    {.source = source.matrix, .format = format, .tile = row / kTileRows, .to = tile.data()}
                );
            }
            std::vector<float> values(512);
            unpack_row(format, tile.data(), row % kTileRows, 512, values.data());
            for (std::size_t i = 0; i < 512; ++i) {
                ASSERT_EQ(values[i], numbers[static_cast<std::size_t>(row) * 512 + i])
                    << name_of(type) << " row " << row << " column " << i;
            }
        }
    }
}

TEST_P(LinearVersions, RoundToSixteenBitsAsTheScalarDefinition) {
    for (const DataType type : {DataType::kF16, DataType::kBf16, DataType::kF8E4m3}) {
        const std::int64_t columns = between(1, 300);
        Source source = random_source(type, 16, columns, random_);
        for (int i = 0; i < 30; ++i) {  // Also infinities, NaN and numbers below the normal ones.
            source.bytes[random_() % source.bytes.size()] = static_cast<std::byte>(random_());
        }
        const auto bytes = static_cast<std::size_t>(layout_of(PackedFormat::kInt16).tile_bytes(columns));
        std::vector<std::byte> expected(bytes);
        std::vector<std::byte> actual(bytes);
        PackWork work = {.source = source.matrix, .format = PackedFormat::kInt16, .to = expected.data()};
        work.table = &linear_table_for(LinearIsa::kScalar);
        pack_tile(work);
        work.to = actual.data();
        work.table = &linear_table_for(GetParam());
        pack_tile(work);
        EXPECT_EQ(actual, expected) << name_of(type);
    }
}

TEST_F(LinearTest, OwnEightAndFourBitsAreTheNearest) {
    const Source source = random_source(DataType::kBf16, 5, 128, random_);
    const auto numbers = source.numbers();
    for (const auto& [format, steps] :
         {std::pair(PackedFormat::kQ8_0, 254.0F), std::pair(PackedFormat::kQ4_1, 15.0F)}) {
        std::vector<std::byte> tile(static_cast<std::size_t>(layout_of(format).tile_bytes(128)));
        pack_tile({.source = source.matrix, .format = format, .tile = 0, .to = tile.data()});
        for (std::size_t row = 0; row < 5; ++row) {
            std::vector<float> values(128);
            unpack_row(format, tile.data(), static_cast<std::int64_t>(row), 128, values.data());
            for (std::size_t group = 0; group < 4; ++group) {
                const float* from = numbers.data() + row * 128 + group * 32;
                const auto [least, largest] = std::minmax_element(from, from + 32);
                const float range =
                    format == PackedFormat::kQ8_0 ? 2 * std::max(-*least, *largest) : *largest - *least;
                for (std::size_t i = 0; i < 32; ++i) {
                    // Half a step, and the rounding of scale and minimum to binary16.
                    EXPECT_NEAR(values[group * 32 + i], from[i], range * (0.501F / steps + 0.001F));
                }
            }
        }
    }
}

TEST_F(LinearTest, WhatIsAskedForDecidesTheFormat) {
    const Source wide = random_source(DataType::kF16, 3, 64, random_);
    EXPECT_EQ(PackedMatrix::pack(wide.matrix, team_).format(), PackedFormat::kInt16);
    EXPECT_EQ(PackedMatrix::pack(wide.matrix, team_, PackAs::kFloat).format(), PackedFormat::kF32);
    EXPECT_EQ(PackedMatrix::pack(wide.matrix, team_, PackAs::kInt8).format(), PackedFormat::kQ8_0);
    EXPECT_EQ(PackedMatrix::pack(wide.matrix, team_, PackAs::kInt4).format(), PackedFormat::kQ4_1);
    const Source narrow = random_source(DataType::kQ4K, 3, 256, random_);
    EXPECT_EQ(PackedMatrix::pack(narrow.matrix, team_, PackAs::kInt8).format(), PackedFormat::kQ4K);
}

TEST_F(LinearTest, ARowReadIsTheSources) {
    for (const DataType type : kTypes) {
        const Source source = random_source(type, 19, 256, random_);
        const PackedMatrix matrix = PackedMatrix::pack(source.matrix, team_);
        std::vector<float> row(256);
        matrix.read_row(17, row.data());
        const auto numbers = source.numbers();
        EXPECT_EQ(row, std::vector<float>(numbers.begin() + 17 * 256, numbers.begin() + 18 * 256));
    }
}

TEST_F(LinearTest, InputsArePreparedAnewForEachBatch) {
    const Source source = random_source(DataType::kQ8_0, 16, 64, random_);
    const PackedMatrix matrix = PackedMatrix::pack(source.matrix, team_);
    Activations inputs;
    std::vector<float> y(16);
    for (int round = 0; round < 3; ++round) {
        const auto x = random_floats(64, random_);
        inputs.assign(x.data(), 1, 64);
        multiply(matrix, inputs, y.data(), team_);
        expect_same_bits(y, product(LinearIsa::kScalar, matrix, x, 1));
    }
}

std::string isa_name(const testing::TestParamInfo<LinearIsa>& test) {
    constexpr const char* kNames[] = {
        "Scalar", "Avx2", "AvxVnni", "Avx512Vnni", "Amx", "Neon", "NeonDot", "NeonI8mm"
    };
    return kNames[static_cast<std::size_t>(test.param)];
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, LinearVersions, testing::ValuesIn(supported_linear_isas()), isa_name);

}  // namespace
}  // namespace capstan::engine::kernels
