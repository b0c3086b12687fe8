// Preempted sequences whose blocks wait beside the cache: they go on where they were, or end, and leave
// nothing.

#include <random>

#include <gtest/gtest.h>

#include "engine/scheduling/test_engine.h"

namespace capstan::engine {
namespace {

class SchedulerSpill : public testing::Test {
protected:
    static SequenceRequest request_of(std::size_t prompt, std::int64_t tokens, std::uint32_t text = 7) {
        std::mt19937 random(text);
        SequenceRequest request = {.prompt = random_tokens(random, prompt), .completion_tokens_max = tokens};
        request.sampling.seed = 5;
        request.score_completion = true;
        request.ignore_end = true;
        return request;
    }

    // One that takes the only place.
    static SequenceRequest important(std::int64_t tokens) {
        SequenceRequest request = request_of(150, tokens, 8);
        request.priority = -1;
        return request;
    }

    static void run(TestEngine& engine, int steps) {
        for (int i = 0; i < steps; ++i) {
            engine.scheduler().step();
        }
    }

    // With a place for one sequence, and 14 blocks: what is preempted loses its own.
    static SchedulerLimits limits(std::int64_t bytes_max) {
        return {.running_max = 1, .step_target_us = 0, .spill = {.bytes_max = bytes_max}};
    }

    std::int64_t now_ms_ = 0;
};

TEST_F(SchedulerSpill, WhatIsCopiedBackIsNotComputedAgainAndSaysTheSame) {
    TestEngine ample(100, {.step_target_us = 0});
    const SequenceRequest request = request_of(100, 60);
    const auto whole = ample.submit(request).front();
    ample.run_all();
    const Answer expected = read_all(*whole);
    for (const bool spills : {false, true}) {
        TestEngine engine(14, limits(spills ? 1 << 24 : 0));
        const auto channel = engine.submit(request).front();
        run(engine, 20);
        const auto first = engine.submit(important(40)).front();
        run(engine, 5);
        EXPECT_EQ(engine.scheduler().stats().preemptions, 1);
        // 100 of the prompt and 19 generated are in 8 blocks.
        EXPECT_EQ(engine.scheduler().stats().kv_bytes_spilled, spills ? 8 * engine.block_bytes() : 0);
        engine.run_all();
        const Answer answer = read_all(*channel);
        EXPECT_EQ(answer.tokens, expected.tokens);
        EXPECT_EQ(answer.log_probabilities, expected.log_probabilities);
        EXPECT_EQ(read_all(*first).tokens.size(), 40U);
        const SchedulerStats stats = engine.scheduler().stats();
        if (spills) {
            EXPECT_EQ(stats.prompt_tokens, 100 + 150 + 1) << "the last token, whose logits are needed";
            EXPECT_GT(stats.kv_bytes_copied_back, 0);
        } else {
            EXPECT_GT(stats.prompt_tokens, 100 + 150 + 50);
        }
        engine.expect_no_leak();
    }
}

TEST_F(SchedulerSpill, AnAreaThatIsTooSmallMeansComputingAgain) {
    constexpr std::int64_t kBytesMax = 10'000;
    TestEngine engine(14, limits(kBytesMax));
    ASSERT_LT(kBytesMax, 8 * engine.block_bytes());
    const auto channel = engine.submit(request_of(100, 60)).front();
    run(engine, 20);
    engine.submit(important(40));
    run(engine, 5);
    EXPECT_EQ(engine.scheduler().stats().preemptions, 1);
    EXPECT_EQ(engine.scheduler().stats().kv_bytes_spilled, 0);
    engine.run_all();
    EXPECT_EQ(read_all(*channel).tokens.size(), 60U);
    engine.expect_no_leak();
}

TEST_F(SchedulerSpill, OneThatIsCancelledOrLateWhileItWaitsGivesItsMemoryBack) {
    for (const bool is_late : {false, true}) {
        TestEngine engine(14, limits(1 << 24), [this] { return now_ms_; });
        now_ms_ = 0;
        SequenceRequest request = request_of(100, 60);
        request.deadline_at_ms = 50;
        const auto channel = engine.submit(request).front();
        run(engine, 20);
        engine.submit(important(40));
        run(engine, 5);
        EXPECT_GT(engine.scheduler().stats().kv_bytes_spilled, 0);
        if (is_late) {
            now_ms_ = 50;
        } else {
            channel->cancel();
        }
        run(engine, 1);
        EXPECT_EQ(engine.scheduler().stats().kv_bytes_spilled, 0);
        const Answer answer = read_all(*channel);
        EXPECT_EQ(answer.tokens.size(), 20U);
        EXPECT_EQ(answer.outcome.has_value(), !is_late);
        engine.run_all();
        engine.expect_no_leak();
    }
}

TEST_F(SchedulerSpill, ShuttingDownLeavesNothing) {
    TestEngine engine(14, limits(1 << 24));
    const auto channel = engine.submit(request_of(100, 60)).front();
    run(engine, 20);
    engine.submit(important(40));
    run(engine, 5);
    EXPECT_GT(engine.scheduler().stats().kv_bytes_spilled, 0);
    engine.scheduler().shut_down();
    EXPECT_EQ(read_all(*channel).outcome.error().code, ErrorCode::kUnavailable);
    engine.scheduler().step();
    EXPECT_EQ(engine.scheduler().stats().kv_bytes_spilled, 0);
}

}  // namespace
}  // namespace capstan::engine
