// What memory has no room for comes back from a file: after other sequences, and after a restart.

#include <gtest/gtest.h>

#include "engine/scheduling/engine_thread.h"
#include "engine/scheduling/model_identity.h"
#include "engine/scheduling/test_engine.h"

namespace capstan::engine {
namespace {

SequenceRequest request_of(std::uint32_t seed) {
    std::mt19937 random(seed);
    SequenceRequest request = {.prompt = random_tokens(random, 100), .completion_tokens_max = 8};
    request.sampling.temperature = 0;
    request.ignore_end = true;
    request.score_completion = true;
    return request;
}

class SchedulerStore : public testing::Test {
protected:
    ~SchedulerStore() override { (void)remove_tree(directory_); }

    std::filesystem::path directory_ = std::filesystem::path(testing::TempDir()) / new_id();
};

TEST_F(SchedulerStore, WhatWasEvictedIsReadAndNotComputedAgain) {
    const auto model = *Model::open(random_model(), 1);
    auto store = *PrefixStore::open({
        .directory = directory_,
        .bytes_max = 16 << 20,
        .block_bytes = model->kv_shape().block_bytes(),
        .identity = model_identity(*model, random_model()),
    });
    TestEngine engine(8, {.step_target_us = 0}, TestEngine::Extras{.store = store.get()});
    std::vector<Answer> first;
    for (std::uint32_t seed = 0; seed < 5; ++seed) {
        const auto channel = engine.submit(request_of(seed)).front();
        engine.run_all();
        EXPECT_EQ(channel->start().cached_prompt_tokens, 0);
        first.push_back(read_all(*channel));
    }
    for (std::uint32_t seed = 0; seed < 5; ++seed) {
        const auto channel = engine.submit(request_of(seed)).front();
        engine.run_all();
        EXPECT_EQ(channel->start().cached_prompt_tokens, 96);
        const Answer again = read_all(*channel);
        EXPECT_EQ(again.tokens, first[seed].tokens);
        EXPECT_EQ(again.log_probabilities, first[seed].log_probabilities);
    }
    EXPECT_GT(engine.scheduler().stats().kv_bytes_restored, 0);
    engine.expect_no_leak();
}

TEST_F(SchedulerStore, OutlivesARestart) {
    const EngineLimits limits = {.kv_cache_bytes = 1 << 20, .prefix_cache_directory = directory_};
    Answer answers[2];
    for (const int run : {0, 1}) {
        const auto engine = *EngineThread::start(random_model(), limits);
        const auto channel = *engine->submit(request_of(1));
        answers[run] = read_all(*channel);
        EXPECT_EQ(channel->start().cached_prompt_tokens, run == 0 ? 0 : 96);
    }
    EXPECT_EQ(answers[0].tokens, answers[1].tokens);
    EXPECT_EQ(answers[0].log_probabilities, answers[1].log_probabilities);
}

TEST_F(SchedulerStore, AnotherModelHasAnotherIdentity) {
    const auto other = std::filesystem::path(testing::TempDir()) / new_id();
    RandomModel model = small_model();
    model.seed = 2;
    ASSERT_TRUE(write_random_model(other, model));
    const auto first = *Model::open(random_model(), 1);
    const auto same = *Model::open(random_model(), 2);
    const auto second = *Model::open(other, 1);
    // The files' names are left out, so that what the models compute decides.
    EXPECT_EQ(model_identity(*first, ""), model_identity(*same, ""));
    EXPECT_NE(model_identity(*first, ""), model_identity(*second, ""));
    EXPECT_NE(model_identity(*first, random_model()), model_identity(*first, other));
}

}  // namespace
}  // namespace capstan::engine
