#include "engine/kernels/thread_team.h"

#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

TEST(ThreadTeam, CoversEachLoopOnceInWholeGrains) {
    for (const int threads : {1, 2, 5}) {
        ThreadTeam team(threads);
        for (const std::int64_t count : {0, 1, 7, 8, 9, 64, 1000}) {
            for (const std::int64_t grain : {1, 8, 2000}) {
                std::vector<int> visits(static_cast<std::size_t>(count));
                team.run(count, grain, [&](int thread, std::int64_t begin, std::int64_t end) {
                    EXPECT_GE(thread, 0);
                    EXPECT_LT(thread, threads);
                    EXPECT_EQ(begin % grain, 0);
                    for (std::int64_t i = begin; i < end; ++i) {
                        ++visits[static_cast<std::size_t>(i)];
                    }
                });
                EXPECT_EQ(visits, std::vector<int>(static_cast<std::size_t>(count), 1));
            }
        }
    }
}

TEST(ThreadTeam, WhatALoopWroteIsThereForTheNext) {
    ThreadTeam team(3);
    std::vector<std::int64_t> values(300);
    for (int round = 0; round < 500; ++round) {
        team.run(300, 1, [&](int, std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                values[static_cast<std::size_t>(i)] += i;
            }
        });
        ASSERT_EQ(values[299], 299 * (round + 1));
    }
}

}  // namespace
}  // namespace capstan::engine
