#pragma once

// For tests: a scheduler on the test's own thread, with a small random model, and what comes out of it.

#include <filesystem>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "base/check.h"
#include "base/id.h"
#include "engine/model/random_model.h"
#include "engine/scheduling/scheduler.h"

namespace capstan::engine {

struct Answer {
    std::vector<llm::TokenId> tokens;
    std::vector<double> log_probabilities;
    std::vector<double> prompt;
    Result<llm::FinishReason> outcome = llm::FinishReason::kStop;
};

inline Answer read_all(TokenChannel& channel) {
    Answer answer;
    while (auto token = channel.next()) {
        answer.tokens.push_back(token->token);
        answer.log_probabilities.push_back(token->log_probability);
    }
    for (const ScoredToken& token : channel.take_prompt_scores()) {
        answer.prompt.push_back(token.log_probability);
    }
    answer.outcome = channel.outcome();
    return answer;
}

inline RandomModel small_model() {
    RandomModel model;
    model.config.hidden = 32;
    model.config.intermediate = 48;
    model.config.heads = 2;
    model.config.kv_heads = 1;
    return model;
}

inline std::filesystem::path random_model() {
    static const std::filesystem::path directory = [] {
        auto made = std::filesystem::path(testing::TempDir()) / new_id();
        CHECK(write_random_model(made, small_model()), "a random model is written");
        return made;
    }();
    return directory;
}

class TestEngine {
public:
    TestEngine(std::int64_t blocks, const SchedulerLimits& limits, ClockMs now_ms = monotonic_now_ms)
        : TestEngine(blocks, limits, Extras{.now_ms = std::move(now_ms)}) {}

    struct Extras {
        ClockMs now_ms = monotonic_now_ms;
        PrefixStore* store = nullptr;
        std::filesystem::path model = random_model();
        bool drafts = false;  // The model is its own draft model: one that guesses well.
    };

    TestEngine(std::int64_t blocks, const SchedulerLimits& limits, const Extras& extras)
        : model_(std::move(*Model::open(extras.model, 1))),
          cache_(*BlockKvCache::build(model_->kv_shape(), blocks * model_->kv_shape().block_bytes())) {
        if (extras.drafts) {
            // Its cache is small, so that it must do without guesses now and then.
            draft_ = *DraftModel::build(
                std::move(*Model::open(random_model(), 1)),
                model_->config().vocabulary,
                20 * model_->kv_shape().block_bytes()
            );
        }
        const Scheduler::Parts parts = {
            .model = *model_,
            .cache = *cache_,
            .queue = queue_,
            .store = extras.store,
            .draft = draft_.get(),
            .now_ms = extras.now_ms,
        };
        scheduler_ = std::make_unique<Scheduler>(parts, limits);
    }

    std::vector<std::shared_ptr<TokenChannel>> submit(
        const SequenceRequest& request, std::size_t branches = 1
    ) {
        std::vector<std::shared_ptr<TokenChannel>> channels;
        for (std::size_t i = 0; i < branches; ++i) {
            channels.push_back(std::make_shared<TokenChannel>());
        }
        CHECK(queue_.push(Sequence::with_branches(request, channels)), "the queue has room");
        return channels;
    }

    void run_all() {
        while (scheduler_->step()) {
        }
    }

    std::int64_t block_bytes() const { return cache_->shape().block_bytes(); }

    Scheduler& scheduler() { return *scheduler_; }

    const ModelConfig& config() const { return model_->config(); }

    // Everything has ended: only what the tree keeps is in use.
    void expect_no_leak() {
        EXPECT_TRUE(scheduler_->is_idle());
        EXPECT_EQ(queue_.size(), 0U);
        EXPECT_EQ(scheduler_->stats().running, 0);
        EXPECT_EQ(scheduler_->stats().kv_bytes_used, 0);
        EXPECT_EQ(scheduler_->stats().kv_bytes_wasted, 0);
        EXPECT_EQ(scheduler_->stats().kv_bytes_spilled, 0);
        scheduler_->release_memory();
        scheduler_->step();
        EXPECT_EQ(cache_->bytes_used(), 0);
    }

private:
    std::unique_ptr<Model> model_;
    std::unique_ptr<BlockKvCache> cache_;
    std::unique_ptr<DraftModel> draft_;
    SequenceQueue queue_{20'000};
    std::unique_ptr<Scheduler> scheduler_;
};

inline std::vector<llm::TokenId> random_tokens(std::mt19937& random, std::size_t count) {
    std::vector<llm::TokenId> tokens(count);
    for (auto& token : tokens) {
        token = static_cast<llm::TokenId>(5 + random() % 256);
    }
    return tokens;
}

}  // namespace capstan::engine
