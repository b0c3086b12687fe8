#include "engine/cache/spill_area.h"

#include <array>
#include <cstring>

#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

constexpr std::int64_t kBlockBytes = 64;

class SpillAreaTest : public testing::Test {
protected:
    SpillAreaTest() {
        for (std::size_t i = 0; i < blocks_.size(); ++i) {
            memory_[i].fill(static_cast<std::byte>(i + 1));
            blocks_[i] = memory_[i].data();
        }
    }

    std::array<std::array<std::byte, kBlockBytes>, 4> memory_;
    std::array<std::byte*, 4> blocks_;
};

TEST_F(SpillAreaTest, WhatComesBackIsWhatWentOut) {
    SpillArea area(kBlockBytes, 4 * kBlockBytes);
    const auto spilled = area.put({.blocks = blocks_, .first_block = 3, .tokens = 100});
    ASSERT_NE(spilled, nullptr);
    EXPECT_EQ(spilled->first_block(), 3);
    EXPECT_EQ(spilled->tokens(), 100);
    const auto kept = memory_;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
        memory_[i].fill(std::byte{0});
        spilled->copy_to(static_cast<std::int64_t>(i) + 3, blocks_[i]);
    }
    EXPECT_EQ(memory_, kept);
}

TEST_F(SpillAreaTest, HoldsNoMoreThanItsBoundAndIsEmptyWhenAllHaveGone) {
    SpillArea area(kBlockBytes, 6 * kBlockBytes + 1);
    auto first = area.put({.blocks = blocks_});
    EXPECT_EQ(area.put({.blocks = blocks_}), nullptr);
    auto second = area.put({.blocks = std::span(blocks_).first(2)});
    EXPECT_EQ(area.bytes_used(), 6 * kBlockBytes);
    first.reset();
    EXPECT_NE(area.put({.blocks = blocks_}), nullptr) << "and gone again at once";
    second.reset();
    EXPECT_EQ(area.bytes_used(), 0);
}

TEST_F(SpillAreaTest, CopiesOnlyWhatIsDearerToCompute) {
    SpillArea area(kBlockBytes, 1 << 20);
    EXPECT_TRUE(area.is_worth(4, 64)) << "before anything is known";
    area.set_copy_cost(5);
    area.set_compute_cost(1);
    EXPECT_TRUE(area.is_worth(4, 64));   // 40 us against 64 us.
    EXPECT_FALSE(area.is_worth(4, 33));  // 40 us against 33 us.
    area.set_compute_cost(0.5);
    EXPECT_FALSE(area.is_worth(4, 64));
}

}  // namespace
}  // namespace capstan::engine
