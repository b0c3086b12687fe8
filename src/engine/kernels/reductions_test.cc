// Each version of the reductions against the scalar one.

#include "engine/kernels/reductions.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace capstan::engine::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

const std::int64_t kSizes[] = {1, 7, 16, 31, 33, 64, 100, 1023, 1024, 1025, 4096, 9001};

std::vector<float> random_row(std::int64_t size, std::mt19937& random) {
    std::normal_distribution<float> normal(0, 3);
    std::vector<float> row(static_cast<std::size_t>(size));
    for (float& x : row) {
        x = normal(random);
    }
    return row;
}

TEST(Reductions, AreWhatTheScalarOnesAre) {
    std::mt19937 random(4);
    const ReductionTable& scalar = reductions_for(Isa::kScalar);
    for (const Isa isa : supported_isas()) {
        const ReductionTable& table = reductions_for(isa);
        for (const std::int64_t size : kSizes) {
            auto row = random_row(size, random);
            row[row.size() / 2] = row[row.size() - 1] = 20;  // The first of equals counts.
            const Largest largest = table.largest(row.data(), size);
            EXPECT_EQ(largest.value, 20);
            EXPECT_EQ(largest.index, size / 2);

            if (size > 2) {
                row[1] = -kInfinity;
            }
            const ExpWork work = {.x = row.data(), .count = size, .shift = 20, .scale = 0.7F};
            std::vector<double> blocks(static_cast<std::size_t>(size / kReductionBlock + 1));
            auto expected_blocks = blocks;
            const double sum = table.exp_sum(work, blocks.data());
            const double expected = scalar.exp_sum(work, expected_blocks.data());
            EXPECT_NEAR(sum / expected, 1, 1e-6);
            for (std::size_t i = 0; i < blocks.size(); ++i) {
                EXPECT_NEAR(blocks[i], expected_blocks[i], 1e-6 * expected_blocks[i]);
            }
            EXPECT_EQ(table.exp_sum(work, nullptr), sum);
            std::vector<float> exps(row.size());
            std::vector<float> expected_exps(row.size());
            table.exps(work, exps.data());
            scalar.exps(work, expected_exps.data());
            for (std::size_t i = 0; i < exps.size(); ++i) {
                ASSERT_NEAR(exps[i], expected_exps[i], 1e-6F * expected_exps[i]);
            }

            std::vector<std::int32_t> found(row.size());
            std::vector<std::int32_t> expected_found(row.size());
            const std::int64_t count = table.collect(row, row[0], found);
            EXPECT_EQ(count, scalar.collect(row, row[0], expected_found));
            EXPECT_EQ(found, expected_found);
            EXPECT_EQ(table.collect(row, row[0], {}), count);

            std::vector<float> tops(static_cast<std::size_t>((size + kLargestBlock - 1) / kLargestBlock));
            auto expected_tops = tops;
            table.block_largest(row.data(), size, tops.data());
            scalar.block_largest(row.data(), size, expected_tops.data());
            EXPECT_EQ(tops, expected_tops);

            std::vector<std::uint64_t> bits(static_cast<std::size_t>(size + 63) / 64);
            for (auto& word : bits) {
                word = (std::uint64_t{random()} << 32) | random();
            }
            std::vector<float> masked(row.size());
            std::vector<float> expected_masked(row.size());
            table.mask(row, bits.data(), masked.data());
            scalar.mask(row, bits.data(), expected_masked.data());
            EXPECT_EQ(masked, expected_masked);
        }
    }
}

TEST(Reductions, SeeWhatIsNotFinite) {
    std::mt19937 random(4);
    for (const Isa isa : supported_isas()) {
        const ReductionTable& table = reductions_for(isa);
        for (const std::int64_t size : kSizes) {
            auto row = random_row(size, random);
            EXPECT_TRUE(table.all_finite(row.data(), size));
            for (const float bad : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
                const std::size_t place = random() % row.size();
                const float good = std::exchange(row[place], bad);
                EXPECT_FALSE(table.all_finite(row.data(), size)) << size << " " << place;
                row[place] = good;
            }
        }
    }
}

}  // namespace
}  // namespace capstan::engine::kernels
