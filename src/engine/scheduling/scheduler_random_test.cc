// Random arrivals, cancels, priorities, branches and tiny caches: each sequence is, to the bit, what it is
// alone, nothing is lost, and no block leaks.

#include <map>
#include <random>

#include <gtest/gtest.h>

#include "engine/scheduling/test_engine.h"

namespace capstan::engine {
namespace {

// Many begin alike: with one of three texts, cut anywhere.
SequenceRequest random_request(std::mt19937& random, const std::vector<std::vector<llm::TokenId>>& texts) {
    const auto& text = texts[random() % texts.size()];
    SequenceRequest request;
    request.prompt.assign(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(1 + random() % 80));
    const auto own = random_tokens(random, random() % 20);
    request.prompt.insert(request.prompt.end(), own.begin(), own.end());
    request.completion_tokens_max = static_cast<std::int64_t>(1 + random() % 40);
    request.sampling.temperature = random() % 2 == 0 ? 0 : 1;
    request.sampling.seed = random();
    request.sampling.frequency_penalty = random() % 3 == 0 ? 0.7 : 0;
    request.score_completion = true;
    request.score_prompt = random() % 6 == 0;
    if (request.score_prompt && random() % 2 == 0) {
        request.completion_tokens_max = 0;
    }
    request.ignore_end = random() % 4 != 0;
    request.priority = static_cast<int>(random() % 3);
    request.fairness_key = std::string(1, static_cast<char>('a' + random() % 3));
    return request;
}

std::vector<Answer> alone(const SequenceRequest& request, std::size_t branches) {
    static TestEngine engine(64, {.step_target_us = 0});
    const auto channels = engine.submit(request, branches);
    engine.run_all();
    std::vector<Answer> answers;
    for (const auto& channel : channels) {
        answers.push_back(read_all(*channel));
    }
    engine.scheduler().release_memory();
    engine.scheduler().step();
    return answers;
}

void expect_same(const Answer& answer, const Answer& expected) {
    ASSERT_TRUE(answer.outcome) << answer.outcome.error().message;
    if (*answer.outcome == llm::FinishReason::kCancelled) {
        ASSERT_LE(answer.tokens.size(), expected.tokens.size());
        for (std::size_t t = 0; t < answer.tokens.size(); ++t) {
            ASSERT_EQ(answer.tokens[t], expected.tokens[t]);
            ASSERT_EQ(answer.log_probabilities[t], expected.log_probabilities[t]);
        }
        return;
    }
    EXPECT_EQ(*answer.outcome, *expected.outcome);
    EXPECT_EQ(answer.tokens, expected.tokens);
    EXPECT_EQ(answer.log_probabilities, expected.log_probabilities);
    EXPECT_EQ(answer.prompt, expected.prompt);
}

struct Load {
    std::int64_t blocks = 12;  // The largest sequence needs 9.
    SchedulerLimits limits = {};
    std::uint32_t seed = 1;
    bool drafts = false;
};

SchedulerStats run_random(const Load& load) {
    std::mt19937 random(load.seed);
    std::vector<std::vector<llm::TokenId>> texts;
    for (int i = 0; i < 3; ++i) {
        texts.push_back(random_tokens(random, 80));
    }
    TestEngine engine(load.blocks, load.limits, TestEngine::Extras{.drafts = load.drafts});

    struct Asked {
        SequenceRequest request;
        std::vector<std::shared_ptr<TokenChannel>> channels;
    };

    std::vector<Asked> asked;
    for (int i = 0; i < 60; ++i) {
        const SequenceRequest request = random_request(random, texts);
        const std::size_t branches = request.completion_tokens_max > 0 ? 1 + random() % 5 / 2 : 1;
        asked.push_back({request, engine.submit(request, branches)});
        for (auto steps = random() % 4; steps > 0; --steps) {
            engine.scheduler().step();
        }
        if (random() % 5 == 0) {
            const auto& channels = asked[random() % asked.size()].channels;
            channels[random() % channels.size()]->cancel();
        }
    }
    engine.run_all();
    for (const auto& [request, channels] : asked) {
        const auto expected = alone(request, channels.size());
        for (std::size_t i = 0; i < channels.size(); ++i) {
            expect_same(read_all(*channels[i]), expected[i]);
        }
    }
    engine.expect_no_leak();
    return engine.scheduler().stats();
}

TEST(SchedulerAtRandom, SequencesAreTheSameBitsWithAmpleMemory) {
    run_random({.blocks = 2000, .limits = {.running_max = 256, .step_target_us = 0}, .seed = 1});
    run_random({.blocks = 2000, .limits = {.prefill_tokens_max = 7, .step_target_us = 0}, .seed = 2});
}

TEST(SchedulerAtRandom, SequencesAreTheSameBitsWhenTheyArePreempted) {
    std::int64_t preemptions = 0;
    for (std::uint32_t seed = 3; seed < 7; ++seed) {
        const std::size_t prompt_tokens[] = {5, 16, 37, 512};
        const SchedulerStats stats = run_random({
            .blocks = 9 + seed % 5,
            .limits =
                {.running_max = 64,
                 .prefill_tokens_max = prompt_tokens[seed % 4],
                 .step_target_us = 0,
                 .spill = {.bytes_max = 0}},
            .seed = seed,
        });
        EXPECT_EQ(stats.kv_bytes_copied_back, 0);
        preemptions += stats.preemptions;
    }
    EXPECT_GT(preemptions, 10);
}

TEST(SchedulerAtRandom, SequencesAreTheSameBitsWhenTheyAreSpilled) {
    for (std::uint32_t seed = 3; seed < 9; ++seed) {
        const std::size_t prompt_tokens[] = {5, 16, 37, 512};
        // Room for few or for all, copied back block by block or at once.
        const std::int64_t spilled_bytes[] = {20'000, 200'000, 1 << 24};
        const SchedulerStats stats = run_random({
            .blocks = 9 + seed % 5,
            .limits =
                {.running_max = 64,
                 .prefill_tokens_max = prompt_tokens[seed % 4],
                 .step_target_us = 0,
                 .spill = {.bytes_max = spilled_bytes[seed % 3], .step_bytes = seed % 2 == 0 ? 1 : 1 << 24}},
            .seed = seed,
        });
        EXPECT_GT(stats.kv_bytes_copied_back, 0) << seed;
    }
}

TEST(SchedulerAtRandom, SpeculationChangesNoBit) {
    const SpeculationLimits speculation = {.guesses_max = 6, .rows_max = 64};
    run_random({.blocks = 2000, .limits = {.speculation = speculation, .step_target_us = 0}, .seed = 21});
    run_random({
        .blocks = 11,
        .limits = {.running_max = 64, .speculation = speculation, .step_target_us = 0},
        .seed = 22,
    });
    run_random({
        .blocks = 60,
        .limits = {.running_max = 64, .speculation = speculation, .step_target_us = 0},
        .seed = 23,
        .drafts = true,
    });
}

TEST(SchedulerAtRandom, APerfectDraftSavesSteps) {
    std::int64_t steps[2] = {};
    for (const bool drafts : {false, true}) {
        TestEngine engine(
            100,
            {.speculation = {.guesses_max = drafts ? 4 : 0}, .step_target_us = 0},
            TestEngine::Extras{.drafts = drafts}
        );
        SequenceRequest request = {.prompt = {5, 6, 7, 8}, .completion_tokens_max = 41};
        request.sampling.temperature = 0;
        request.ignore_end = true;
        const auto channel = engine.submit(request).front();
        engine.run_all();
        EXPECT_EQ(read_all(*channel).tokens.size(), 41U);
        steps[drafts ? 1 : 0] = engine.scheduler().stats().steps;
        const SchedulerStats stats = engine.scheduler().stats();
        EXPECT_GE(stats.accepted_tokens, stats.guessed_tokens * 9 / 10);
        engine.expect_no_leak();
    }
    EXPECT_EQ(steps[0], 41);
    EXPECT_LE(steps[1], 15);
}

TEST(SchedulerAtRandom, ARequestMayDoWithoutSpeculation) {
    TestEngine engine(100, {.speculation = {.guesses_max = 4}});
    SequenceRequest request = {.prompt = {5, 6, 7}, .completion_tokens_max = 20};
    request.sampling.logit_bias = {{9, 100}};
    request.ignore_end = true;
    request.speculates = false;
    engine.submit(request);
    engine.run_all();
    EXPECT_EQ(engine.scheduler().stats().guessed_tokens, 0);
    request.speculates = true;
    engine.submit(request);
    engine.run_all();
    EXPECT_GT(engine.scheduler().stats().guessed_tokens, 0);
}

TEST(SchedulerAtRandom, APrefixIsComputedOnceWhenAllArriveTogether) {
    for (const std::size_t chunk : {64U, 100U, 512U}) {
        TestEngine engine(2000, {.prefill_tokens_max = chunk, .step_target_us = 0});
        std::mt19937 random(9);
        const auto shared = random_tokens(random, 256);
        std::vector<std::shared_ptr<TokenChannel>> channels;
        for (int i = 0; i < 8; ++i) {
            SequenceRequest request = {.prompt = shared, .completion_tokens_max = 4};
            const auto own = random_tokens(random, 48);
            request.prompt.insert(request.prompt.end(), own.begin(), own.end());
            channels.push_back(engine.submit(request).front());
        }
        engine.run_all();
        EXPECT_EQ(engine.scheduler().stats().prompt_tokens, 256 + 8 * 48) << chunk;
        EXPECT_EQ(engine.scheduler().stats().cached_prompt_tokens, 7 * 256) << chunk;
        EXPECT_EQ(channels[0]->start().cached_prompt_tokens, 0);
        EXPECT_EQ(channels[7]->start().cached_prompt_tokens, 256);
        engine.expect_no_leak();
    }
}

TEST(SchedulerAtRandom, AnAnswerIsKnownWhenItComesBackAsAPrompt) {
    TestEngine engine(2000, {});
    std::mt19937 random(3);
    SequenceRequest request = {.prompt = random_tokens(random, 40), .completion_tokens_max = 40};
    request.ignore_end = true;
    const auto first = engine.submit(request).front();
    engine.run_all();
    const Answer answer = read_all(*first);
    request.prompt.insert(request.prompt.end(), answer.tokens.begin(), answer.tokens.end());
    const auto second = engine.submit(request).front();
    engine.run_all();
    // The last token's key and value were never computed, so four blocks of 79 tokens are known.
    EXPECT_EQ(second->start().cached_prompt_tokens, 64);
    // A prompt that is known in whole: its last token is computed all the same.
    request.prompt.resize(64);
    const auto third = engine.submit(request).front();
    engine.run_all();
    EXPECT_EQ(third->start().cached_prompt_tokens, 48);
}

TEST(SchedulerAtRandom, BranchesShareTheirPrompt) {
    TestEngine engine(2000, {.running_max = 8});
    std::mt19937 random(3);
    SequenceRequest request = {.prompt = random_tokens(random, 41), .completion_tokens_max = 9};
    request.sampling.seed = 4;
    request.ignore_end = true;
    const auto channels = engine.submit(request, 8);
    engine.run_all();
    EXPECT_EQ(engine.scheduler().stats().prompt_tokens, 41);
    std::map<std::vector<llm::TokenId>, int> texts;
    for (const auto& channel : channels) {
        ++texts[read_all(*channel).tokens];
    }
    EXPECT_EQ(texts.size(), 8U);
    const auto only = engine.submit(request).front();
    engine.run_all();
    EXPECT_TRUE(texts.contains(read_all(*only).tokens));
    engine.expect_no_leak();
}

TEST(SchedulerAtRandom, BranchesThatFindNoPlaceWaitAndSayTheSame) {
    SequenceRequest request = {.prompt = std::vector<llm::TokenId>(100, 7), .completion_tokens_max = 9};
    request.sampling.seed = 40;
    request.ignore_end = true;
    std::vector<std::vector<llm::TokenId>> expected;
    for (const std::size_t running_max : {std::size_t{64}, std::size_t{3}, std::size_t{1}}) {
        TestEngine engine(400, {.running_max = running_max, .step_target_us = 0});
        const auto channels = engine.submit(request, 9);
        while (engine.scheduler().step()) {
            EXPECT_LE(engine.scheduler().stats().running, static_cast<std::int64_t>(running_max));
        }
        std::vector<std::vector<llm::TokenId>> tokens;
        for (const auto& channel : channels) {
            tokens.push_back(read_all(*channel).tokens);
            EXPECT_EQ(channel->start().cached_prompt_tokens, 0) << "theirs was computed for them";
        }
        expected = expected.empty() ? tokens : expected;
        EXPECT_EQ(tokens, expected);
        EXPECT_LT(engine.scheduler().stats().prompt_tokens, 100 + 9 * 16);
        engine.expect_no_leak();
    }
    for (std::size_t k = 0; k < expected.size(); ++k) {
        TestEngine engine(400, {.step_target_us = 0});
        SequenceRequest alone = request;
        alone.sampling.seed = 40 + k;
        const auto channels = engine.submit(alone);
        engine.run_all();
        EXPECT_EQ(read_all(*channels[0]).tokens, expected[k]);
    }
}

}  // namespace
}  // namespace capstan::engine
