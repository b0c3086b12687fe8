// What one sequence may do to others: wait before them, take their place, end; never harm them.

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/scheduling/test_engine.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

SequenceRequest request_of(std::int64_t prompt, std::int64_t completion, std::uint32_t seed = 1) {
    std::mt19937 random(seed);
    SequenceRequest request = {
        .prompt = random_tokens(random, static_cast<std::size_t>(prompt)), .completion_tokens_max = completion
    };
    request.sampling.seed = seed;
    request.ignore_end = true;
    request.score_completion = true;
    return request;
}

// An adapter of which every number is broken.
std::shared_ptr<const Adapter> poison(const ModelConfig& config) {
    const auto directory = std::filesystem::path(testing::TempDir()) / new_id();
    RandomModel model = small_model();
    model.spread = NAN;
    CHECK(write_random_adapter(directory, model, 2), "an adapter is written");
    return *Adapter::load(directory, config);
}

TEST(SchedulerNeighbours, APoisonedSequenceEndsAlone) {
    TestEngine engine(64, {.step_target_us = 0});
    const SequenceRequest good = request_of(20, 30, 3);
    const auto expected = engine.submit(good).front();
    engine.run_all();
    const Answer alone = read_all(*expected);
    SequenceRequest bad = request_of(20, 30, 4);
    bad.adapter = poison(engine.config());
    // Before, beside and after it, in blocks that it used.
    const auto before = engine.submit(good).front();
    engine.scheduler().step();
    const auto poisoned = engine.submit(bad).front();
    const auto beside = engine.submit(good).front();
    engine.scheduler().step();
    engine.scheduler().step();
    engine.scheduler().release_memory();
    engine.scheduler().step();
    std::vector<std::shared_ptr<TokenChannel>> channels = {before, beside};
    for (std::uint32_t seed = 10; seed < 14; ++seed) {
        channels.push_back(engine.submit(good).front());
        engine.submit(request_of(40, 20, seed));
    }
    engine.run_all();
    const Answer failed = read_all(*poisoned);
    ASSERT_FALSE(failed.outcome);
    EXPECT_THAT(failed.outcome.error().message, HasSubstr("not finite"));
    for (const auto& channel : channels) {
        const Answer answer = read_all(*channel);
        EXPECT_EQ(answer.tokens, alone.tokens);
        EXPECT_EQ(answer.log_probabilities, alone.log_probabilities);
    }
    engine.expect_no_leak();
}

TEST(SchedulerNeighbours, WhatIsLateEndsWithAnErrorAndItsMemoryGoes) {
    std::int64_t now_ms = 1000;
    TestEngine engine(64, {.running_max = 1, .step_target_us = 0}, [&] { return now_ms; });
    SequenceRequest request = request_of(20, 100);
    request.deadline_at_ms = 1500;
    const auto running = engine.submit(request).front();
    const auto waiting = engine.submit(request, 2);
    request.deadline_at_ms = 0;
    const auto patient = engine.submit(request).front();
    for (int i = 0; i < 5; ++i) {
        engine.scheduler().step();
    }
    now_ms = 1500;
    engine.scheduler().step();
    const Answer answer = read_all(*running);
    EXPECT_EQ(answer.tokens.size(), 5U);
    EXPECT_EQ(answer.outcome.error().code, ErrorCode::kCancelled);
    EXPECT_THAT(answer.outcome.error().message, HasSubstr("deadline"));
    for (const auto& channel : waiting) {
        EXPECT_EQ(read_all(*channel).outcome.error().code, ErrorCode::kCancelled);
    }
    EXPECT_EQ(engine.scheduler().stats().running, 1);
    engine.run_all();
    EXPECT_EQ(read_all(*patient).tokens.size(), 100U);
    engine.expect_no_leak();
}

TEST(SchedulerNeighbours, AnImportantSequenceTakesThePlaceOfAnother) {
    TestEngine engine(64, {.running_max = 1, .step_target_us = 0});
    const SequenceRequest usual = request_of(20, 30, 3);
    const auto first = engine.submit(usual).front();
    engine.run_all();
    const Answer alone = read_all(*first);
    const auto displaced = engine.submit(usual).front();
    for (int i = 0; i < 10; ++i) {
        engine.scheduler().step();
    }
    SequenceRequest important = request_of(10, 5, 4);
    important.priority = -1;
    const auto preferred = engine.submit(important).front();
    for (int i = 0; i < 5; ++i) {
        engine.scheduler().step();
    }
    EXPECT_TRUE(preferred->has_ended());
    EXPECT_FALSE(displaced->has_ended());
    EXPECT_EQ(engine.scheduler().stats().preemptions, 1);
    engine.run_all();
    const Answer answer = read_all(*displaced);
    EXPECT_EQ(answer.tokens, alone.tokens);
    EXPECT_EQ(answer.log_probabilities, alone.log_probabilities);
    engine.expect_no_leak();
}

TEST(SchedulerNeighbours, ABranchMayGiveUpAndTheOthersGoOn) {
    for (const std::size_t gone : {0U, 1U, 2U}) {
        TestEngine engine(64, {.prefill_tokens_max = 16, .step_target_us = 0});
        const auto all = engine.submit(request_of(40, 10), 3);
        engine.run_all();
        std::vector<Answer> expected;
        for (const auto& channel : all) {
            expected.push_back(read_all(*channel));
        }
        engine.scheduler().release_memory();
        const auto channels = engine.submit(request_of(40, 10), 3);
        engine.scheduler().step();  // Not yet forked.
        channels[gone]->cancel();
        engine.run_all();
        for (std::size_t i = 0; i < 3; ++i) {
            const Answer answer = read_all(*channels[i]);
            if (i == gone) {
                EXPECT_EQ(answer.outcome, llm::FinishReason::kCancelled);
            } else {
                EXPECT_EQ(answer.tokens, expected[i].tokens);
            }
        }
        engine.expect_no_leak();
    }
}

TEST(SchedulerNeighbours, AnUnloadedAdapterAndItsSuccessorShareNothing) {
    TestEngine engine(64, {.step_target_us = 0});
    const auto load = [&](std::uint64_t seed) -> std::shared_ptr<const Adapter> {
        const auto directory = std::filesystem::path(testing::TempDir()) / new_id();
        RandomModel model = small_model();
        model.seed = seed;
        CHECK(write_random_adapter(directory, model, 2), "an adapter is written");
        return *Adapter::load(directory, engine.config());
    };
    std::vector<std::vector<double>> seen;
    for (std::uint64_t seed = 1; seed < 6; ++seed) {  // Each may lie where the one before it did.
        SequenceRequest request = request_of(40, 4);
        request.adapter = load(seed);
        const auto cold = engine.submit(request).front();
        engine.run_all();
        EXPECT_EQ(cold->start().cached_prompt_tokens, 0);
        const auto warm = engine.submit(request).front();
        engine.run_all();
        EXPECT_EQ(warm->start().cached_prompt_tokens, 32);
        const Answer answer = read_all(*cold);
        EXPECT_EQ(read_all(*warm).log_probabilities, answer.log_probabilities);
        for (const auto& other : seen) {
            EXPECT_NE(answer.log_probabilities, other);
        }
        seen.push_back(answer.log_probabilities);
    }
    engine.expect_no_leak();
}

}  // namespace
}  // namespace capstan::engine
