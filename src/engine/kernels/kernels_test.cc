// Each vector kernel against its scalar twin, on shapes that fill no vector, and against itself in other
// company, where not a bit may differ.

#include "engine/kernels/kernels.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace capstan::engine::kernels {
namespace {

std::vector<float> random_floats(std::int64_t count, std::mt19937& random, float spread = 1) {
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) {
        value = normal(random);
    }
    return values;
}

// One byte further than any allocator aligns.
std::vector<std::byte> random_weights(std::int64_t count, DataType type, std::mt19937& random) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(count * bytes_of(type) + 1));
    std::byte* to = bytes.data() + 1;
    for (const float value : random_floats(count, random)) {
        if (type == DataType::kF32) {
            std::memcpy(to, &value, 4);
        } else {
            const std::uint16_t half = type == DataType::kF16 ? f16_of_float(value) : bf16_of_float(value);
            std::memcpy(to, &half, 2);
        }
        to += bytes_of(type);
    }
    return bytes;
}

class Kernels : public testing::TestWithParam<Isa> {
protected:
    const KernelTable& fast_ = kernels_for(GetParam());
    const KernelTable& scalar_ = kernels_for(Isa::kScalar);
    std::mt19937 random_{7};

    std::int64_t between(std::int64_t low, std::int64_t high) {
        return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
    }
};

void expect_close(const std::vector<float>& actual, const std::vector<float>& expected, double tolerance) {
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
        ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "element " << i;
    }
}

TEST_P(Kernels, MatmulEqualsItsScalarTwin) {
    for (const DataType type : {DataType::kF32, DataType::kF16, DataType::kBf16}) {
        for (int round = 0; round < 40; ++round) {
            const std::int64_t rows = between(1, 45);
            const std::int64_t columns = between(1, 150);
            const std::int64_t tokens = between(1, 20);
            const auto weights = random_weights(rows * columns, type, random_);
            const auto x = random_floats(tokens * columns, random_);
            std::vector<float> expected(static_cast<std::size_t>(tokens * rows), 9);
            std::vector<float> actual(static_cast<std::size_t>(tokens * rows), 9);
            MatmulWork work = {
                .weights = {.data = weights.data() + 1, .type = type, .rows = rows, .columns = columns},
                .x = x.data(),
                .tokens = tokens,
                .y = expected.data(),
                .row_begin = between(0, rows - 1),
                .row_end = rows
            };
            scalar_.matmul(work);
            work.y = actual.data();
            fast_.matmul(work);
            // Sums of up to 150 products around 1 differ by rounding only: about 150 × 6e-8.
            expect_close(actual, expected, 1e-5);
        }
    }
}

TEST_P(Kernels, AMatmulRowIsTheSameBitsInAnyCompany) {
    for (const DataType type : {DataType::kF32, DataType::kF16, DataType::kBf16}) {
        const std::int64_t rows = 37;
        const std::int64_t columns = 2500;  // Rows in several blocks.
        const std::int64_t tokens = 23;
        const auto weights = random_weights(rows * columns, type, random_);
        const auto x = random_floats(tokens * columns, random_);
        std::vector<float> together(static_cast<std::size_t>(tokens * rows));
        std::vector<float> apart(static_cast<std::size_t>(tokens * rows));
        MatmulWork work = {
            .weights = {.data = weights.data() + 1, .type = type, .rows = rows, .columns = columns},
            .x = x.data(),
            .tokens = tokens,
            .y = together.data(),
            .row_begin = 0,
            .row_end = rows
        };
        fast_.matmul(work);
        work.tokens = 1;
        for (std::int64_t t = 0; t < tokens; ++t) {
            work.x = x.data() + t * columns;
            work.y = apart.data() + t * rows;
            const std::int64_t cut = between(0, rows);
            work.row_begin = 0;
            work.row_end = cut;
            fast_.matmul(work);
            work.row_begin = cut;
            work.row_end = rows;
            fast_.matmul(work);
        }
        ASSERT_EQ(together, apart);
    }
}

TEST_P(Kernels, RmsNormEqualsItsScalarTwin) {
    for (std::int64_t count = 1; count < 70; ++count) {
        const auto x = random_floats(count, random_, 3);
        const auto weight = random_floats(count, random_);
        std::vector<float> expected(x.size());
        std::vector<float> actual = x;
        const RmsNormWork work = {
            .x = x.data(), .weight = weight.data(), .out = expected.data(), .count = count, .epsilon = 1e-5F
        };
        scalar_.rms_norm(work);
        RmsNormWork in_place = work;
        in_place.x = actual.data();
        in_place.out = actual.data();
        fast_.rms_norm(in_place);
        expect_close(actual, expected, 1e-6);
    }
}

TEST_P(Kernels, RopeEqualsItsScalarTwin) {
    for (std::int64_t head_dim = 2; head_dim < 80; head_dim += 2) {
        auto expected = random_floats(3 * head_dim, random_);
        auto actual = expected;
        const auto angles = random_floats(head_dim / 2, random_, 5);
        std::vector<float> cosines;
        std::vector<float> sines;
        for (const float angle : angles) {
            cosines.push_back(std::cos(angle));
            sines.push_back(std::sin(angle));
        }
        RopeWork work = {
            .x = expected.data(),
            .heads = 3,
            .head_dim = head_dim,
            .cosines = cosines.data(),
            .sines = sines.data()
        };
        scalar_.rope(work);
        work.x = actual.data();
        fast_.rope(work);
        expect_close(actual, expected, 1e-6);
    }
}

TEST_P(Kernels, AddEqualsItsScalarTwin) {
    for (std::int64_t count = 1; count <= 70; ++count) {
        const auto x = random_floats(count, random_);
        auto expected = random_floats(count, random_);
        auto actual = expected;
        scalar_.add({.y = expected.data(), .x = x.data(), .scale = 0.7F, .count = count});
        fast_.add({.y = actual.data(), .x = x.data(), .scale = 0.7F, .count = count});
        expect_close(actual, expected, 1e-6);
    }
}

TEST_P(Kernels, ActivationsEqualTheirScalarTwinsAlsoAtTheEnds) {
    auto gate = random_floats(75, random_, 4);
    const float ends[] = {200, -200, 0, -88, 1e-6F, -1e-6F, 6, -6};
    std::ranges::copy(ends, gate.begin());
    const auto up = random_floats(75, random_);
    for (const auto kind : {ActivationKind::kSilu, ActivationKind::kGelu, ActivationKind::kGeluTanh}) {
        for (const std::int64_t count : {1, 8, 15, 16, 17, 75}) {
            for (const bool is_gated : {false, true}) {
                std::vector<float> expected(static_cast<std::size_t>(count));
                std::vector<float> actual(static_cast<std::size_t>(count));
                ActivationWork work = {
                    .kind = kind,
                    .gate = is_gated ? gate.data() : nullptr,
                    .up = is_gated ? up.data() : gate.data(),
                    .out = expected.data(),
                    .count = count
                };
                scalar_.activate(work);
                work.out = actual.data();
                fast_.activate(work);
                // erf is good to 1.5e-7, times x/2.
                expect_close(actual, expected, 1e-6);
            }
        }
    }
}

TEST_P(Kernels, SoftCapEqualsItsScalarTwin) {
    for (const std::int64_t count : {1, 16, 40, 75}) {
        auto expected = random_floats(count, random_, 60);
        expected[0] = 1e6F;
        auto actual = expected;
        scalar_.soft_cap({.x = expected.data(), .cap = 30, .count = count});
        fast_.soft_cap({.x = actual.data(), .cap = 30, .count = count});
        expect_close(actual, expected, 6e-6);  // 1e-7 of the cap.
    }
}

TEST_P(Kernels, LayerNormEqualsItsScalarTwin) {
    for (std::int64_t count = 2; count < 70; ++count) {
        auto x = random_floats(count, random_, 3);
        for (float& element : x) {
            element += 20;
        }
        const auto weight = random_floats(count, random_);
        const auto bias = random_floats(count, random_);
        std::vector<float> expected(x.size());
        std::vector<float> actual = x;
        LayerNormWork work = {
            .x = x.data(),
            .weight = weight.data(),
            .bias = bias.data(),
            .out = expected.data(),
            .count = count,
            .epsilon = 1e-5F
        };
        scalar_.layer_norm(work);
        work.x = actual.data();
        work.out = actual.data();
        fast_.layer_norm(work);
        expect_close(actual, expected, 2e-5);  // The mean is rounded to 2e-6, of a spread around 3.
    }
}

TEST(KernelChoice, TheBestIsTheLastSupported) {
    EXPECT_EQ(best_kernels().isa, supported_isas().back());
    EXPECT_EQ(supported_isas().front(), Isa::kScalar);
}

std::string isa_name(const testing::TestParamInfo<Isa>& test) {
    constexpr const char* kNames[] = {"Scalar", "Avx2", "Avx512", "Neon"};
    return kNames[static_cast<std::size_t>(test.param)];
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Kernels, testing::ValuesIn(supported_isas()), isa_name);

}  // namespace
}  // namespace capstan::engine::kernels
