#include "engine/kernels/thread_team.h"

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

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

// Long enough apart for the threads to fall asleep between.
TEST(ThreadTeam, ThreadsThatSleptTakePartAgain) {
    ThreadTeam team(3);
    for (int round = 0; round < 20; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        std::atomic<std::int64_t> sum = 0;
        team.run(1000, 10, [&](int, std::int64_t begin, std::int64_t end) { sum += end - begin; });
        ASSERT_EQ(sum, 1000);
    }
}

// A core that is taken away must not hold up more than what its thread has begun. Here one thread is away
// until the other has done all the rest; the limit is there so that a team that fails does not hang.
TEST(ThreadTeam, ASlowThreadLeavesTheRestToTheOthers) {
    constexpr std::int64_t kAll = 800;
    constexpr int kLooksMax = 30'000;
    ThreadTeam team(2);
    std::array<std::atomic<std::int64_t>, 2> done{};
    std::atomic<bool> is_first = true;
    std::int64_t begun = 0;  // By the slow one, whose index follows.
    std::size_t slow = 0;
    team.run(kAll, 1, [&](int thread, std::int64_t begin, std::int64_t end) {
        const auto index = static_cast<std::size_t>(thread);
        if (is_first.exchange(false)) {
            slow = index;
            begun = end - begin;
            for (int look = 0; look < kLooksMax && done[1 - index] < kAll - begun; ++look) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        }
        done[index] += end - begin;
    });
    EXPECT_LT(begun, kAll / 2);
    EXPECT_EQ(done[slow], begun);
    EXPECT_EQ(done[1 - slow], kAll - begun);
}

#if !__has_feature(thread_sanitizer)  // It delivers no signal to a thread that makes no call.
std::atomic<bool> is_held = false;
std::atomic<bool> may_go_on = false;

void hold(int) {
    is_held = true;
    while (!may_go_on) {
    }
}

// Held in a signal's handler, a thread is as far away as one whose core runs something else.
TEST(ThreadTeam, NobodyWaitsForAThreadThatHasTakenNothing) {
    std::signal(SIGUSR1, hold);
    ThreadTeam team(2);
    std::atomic<bool> is_worker_in = false;
    pthread_t worker{};
    team.run(2, 1, [&](int thread, std::int64_t, std::int64_t) {
        if (thread == 1) {
            worker = pthread_self();
            is_worker_in = true;
        }
        while (!is_worker_in) {  // So that each takes one of the two.
        }
    });
    ASSERT_EQ(pthread_kill(worker, SIGUSR1), 0);
    while (!is_held) {
    }
    std::int64_t sum = 0;
    team.run(1000, 10, [&](int thread, std::int64_t begin, std::int64_t end) {
        EXPECT_EQ(thread, 0);
        sum += end - begin;
    });
    EXPECT_EQ(sum, 1000);
    may_go_on = true;
    std::atomic<std::int64_t> again = 0;
    team.run(1000, 10, [&](int, std::int64_t begin, std::int64_t end) { again += end - begin; });
    EXPECT_EQ(again, 1000);
    std::signal(SIGUSR1, SIG_DFL);
}
#endif

// As /proc has it: 'S' sleeps, 'R' runs or would.
int threads_that_run() {
    int running = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream file(task.path() / "stat");
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        const std::size_t name_end = text.rfind(')');
        running += name_end != std::string::npos && text.substr(name_end, 4) == ") R " ? 1 : 0;
    }
    return running;
}

TEST(ThreadTeam, AnIdleTeamFallsAsleep) {
    ThreadTeam team(3);
    team.run(100, 1, [](int, std::int64_t, std::int64_t) {});
    int running = threads_that_run();
    for (int look = 0; look < 5000 && running > 1; ++look) {  // This thread runs.
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        running = threads_that_run();
    }
    EXPECT_LE(running, 1);
}

}  // namespace
}  // namespace capstan::engine
