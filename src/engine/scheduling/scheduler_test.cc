// Continuous batching: what sequences compute is theirs alone, and who runs, waits and ends when.

#include "engine/scheduling/scheduler.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/id.h"
#include "base/test_paths.h"
#include "engine/model/random_model.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGolden = source_directory() / "tests/golden/engine";

std::vector<llm::TokenId> golden_tokens(const std::string& name) {
    const auto file = SafetensorsFile::open(kGolden / "tied_f32" / "golden.safetensors");
    CHECK(file, file.error().message);
    const Tensor* tensor = file->find(name);
    std::vector<llm::TokenId> tokens(static_cast<std::size_t>(tensor->elements()));
    std::memcpy(tokens.data(), tensor->bytes.data(), tensor->bytes.size());
    return tokens;
}

// What came out of a channel that has ended.
struct Answer {
    std::vector<llm::TokenId> tokens;
    std::vector<double> log_probabilities;
    std::vector<ScoredToken> prompt;
    Result<llm::FinishReason> outcome = llm::FinishReason::kStop;
};

Answer read_all(TokenChannel& channel) {
    Answer answer;
    while (auto token = channel.next()) {
        answer.tokens.push_back(token->token);
        answer.log_probabilities.push_back(token->log_probability);
    }
    answer.outcome = channel.outcome();
    answer.prompt = channel.take_prompt_scores();
    return answer;
}

// A scheduler on one thread, with the golden model.
class Bench {
public:
    struct Sizes {
        std::int64_t blocks = 256;
        std::size_t waiting_max = 64;
        SchedulerLimits limits = {};
        std::filesystem::path model = kGolden / "tied_f32";
    };

    explicit Bench(const Sizes& sizes)
        : model_(std::move(*Model::open(sizes.model, 1))),
          shape_(model_->kv_shape(KvType::kF32)),
          cache_(std::move(*BlockKvCache::build(shape_, sizes.blocks * shape_.block_bytes()))),
          queue_(sizes.waiting_max),
          scheduler_({.model = *model_, .cache = *cache_, .queue = queue_}, sizes.limits) {}

    Bench() : Bench(Sizes{}) {}

    std::shared_ptr<TokenChannel> submit(const SequenceRequest& request) {
        auto channel = try_submit(request);
        CHECK(channel, channel.error().message);
        return *channel;
    }

    Result<std::shared_ptr<TokenChannel>> try_submit(const SequenceRequest& request) {
        auto channel = std::make_shared<TokenChannel>();
        if (auto good = queue_.push(std::make_unique<Sequence>(request, channel)); !good) {
            return good.error();
        }
        return channel;
    }

    void run_all() {
        while (scheduler_.step()) {
        }
    }

    std::shared_ptr<const Adapter> adapter(const std::string& name) const {
        return *Adapter::load(kGolden / "tied_f32" / "adapters" / name, model_->config());
    }

    Scheduler& scheduler() { return scheduler_; }

    BlockKvCache& cache() { return *cache_; }

    std::int64_t bytes_held() const { return scheduler_.stats().kv_bytes_used; }

    const ModelConfig& config() const { return model_->config(); }

private:
    std::unique_ptr<Model> model_;
    KvShape shape_;
    std::unique_ptr<BlockKvCache> cache_;
    SequenceQueue queue_;
    Scheduler scheduler_;
};

SequenceRequest greedy(std::vector<llm::TokenId> prompt, std::int64_t completion) {
    SequenceRequest request = {.prompt = std::move(prompt), .completion_tokens_max = completion};
    request.sampling.temperature = 0;
    request.ignore_end = true;
    return request;
}

// Ten requests that differ in everything.
std::vector<SequenceRequest> varied_requests(const Bench& bench) {
    const auto prompt = golden_tokens("prompt");
    const std::shared_ptr<const Adapter> adapters[] = {
        nullptr, bench.adapter("attention"), bench.adapter("everything")
    };
    std::vector<SequenceRequest> requests;
    for (std::size_t i = 0; i < 10; ++i) {
        SequenceRequest request =
            greedy({prompt.begin(), prompt.end() - static_cast<std::ptrdiff_t>(3 * i)}, 0);
        request.completion_tokens_max = static_cast<std::int64_t>(5 + i);
        request.sampling.temperature = i % 2 == 0 ? 0.0 : 0.9;
        request.sampling.seed = i;
        request.sampling.top_p = 0.95;
        request.sampling.presence_penalty = i % 4 == 0 ? 0.5 : 0;
        request.adapter = adapters[i % 3];
        request.score_prompt = i % 2 == 1;
        request.score_completion = true;
        requests.push_back(request);
    }
    return requests;
}

TEST(Scheduler, GreedyTokensEqualTransformersInChunksOfAnySize) {
    for (const std::size_t chunk : {1U, 5U, 39U, 128U}) {
        Bench bench({.limits = {.prefill_tokens_max = chunk}});
        const auto plain = bench.submit(greedy(golden_tokens("prompt"), 24));
        auto adapted_request = greedy(golden_tokens("prompt"), 24);
        adapted_request.adapter = bench.adapter("everything");
        const auto adapted = bench.submit(adapted_request);
        bench.run_all();
        EXPECT_EQ(read_all(*plain).tokens, golden_tokens("greedy"));
        EXPECT_EQ(read_all(*adapted).tokens, golden_tokens("everything.greedy"));
    }
}

TEST(Scheduler, ASequenceIsTheSameBitsInAnyCompany) {
    std::vector<Answer> alone;
    for (const auto& request : varied_requests(Bench())) {
        Bench bench;
        const auto channel = bench.submit(request);
        bench.run_all();
        alone.push_back(read_all(*channel));
    }
    Bench bench({.limits = {.running_max = 6, .prefill_tokens_max = 11}});
    std::vector<std::shared_ptr<TokenChannel>> channels;
    for (const auto& request : varied_requests(bench)) {
        channels.push_back(bench.submit(request));
        bench.scheduler().step();
    }
    bench.run_all();
    for (std::size_t i = 0; i < channels.size(); ++i) {
        const Answer answer = read_all(*channels[i]);
        EXPECT_EQ(answer.tokens, alone[i].tokens) << i;
        EXPECT_EQ(answer.log_probabilities, alone[i].log_probabilities) << i;
        ASSERT_EQ(answer.prompt.size(), alone[i].prompt.size());
        for (std::size_t t = 0; t < answer.prompt.size(); ++t) {
            EXPECT_EQ(answer.prompt[t].log_probability, alone[i].prompt[t].log_probability) << i;
        }
    }
}

TEST(Scheduler, ALongPromptDoesNotStallTheOthers) {
    Bench bench({.limits = {.prefill_tokens_max = 4}});
    const auto prompt = golden_tokens("prompt");
    bench.submit(greedy({prompt.begin(), prompt.begin() + 2}, 30));
    bench.scheduler().step();
    bench.submit(greedy(prompt, 1));
    for (std::int64_t step = 1; step < 9; ++step) {
        bench.scheduler().step();
        EXPECT_EQ(bench.scheduler().stats().generated_tokens, 1 + step);
        EXPECT_EQ(bench.scheduler().stats().prompt_tokens, 2 + 4 * step);
    }
}

TEST(Scheduler, ScoresAPromptWithoutGenerating) {
    Bench bench({.limits = {.prefill_tokens_max = 7}});
    const auto prompt = golden_tokens("prompt");
    SequenceRequest request = {.prompt = prompt, .completion_tokens_max = 0};
    request.score_prompt = true;
    request.top_tokens = 2;
    const auto channel = bench.submit(request);
    bench.run_all();
    const Answer answer = read_all(*channel);
    EXPECT_TRUE(answer.tokens.empty());
    EXPECT_EQ(answer.outcome, llm::FinishReason::kLength);
    ASSERT_EQ(answer.prompt.size(), prompt.size() - 1);
    const auto file = SafetensorsFile::open(kGolden / "tied_f32" / "golden.safetensors");
    const Tensor* logits = file->find("logits");
    const auto vocabulary = static_cast<std::size_t>(bench.config().vocabulary);
    for (std::size_t i = 0; i + 1 < prompt.size(); ++i) {
        std::vector<float> row(vocabulary);
        std::memcpy(row.data(), logits->bytes.data() + i * vocabulary * 4, vocabulary * 4);
        const LogSoftmax expected(row);
        EXPECT_EQ(answer.prompt[i].token, prompt[i + 1]);
        EXPECT_NEAR(answer.prompt[i].log_probability, expected.of(prompt[i + 1]), 1e-4);
        ASSERT_EQ(answer.prompt[i].top.size(), 2U);
        EXPECT_EQ(answer.prompt[i].top[0].token, expected.top(1)[0].token);
    }
    const auto single = bench.submit({.prompt = {5}, .completion_tokens_max = 0, .score_prompt = true});
    bench.run_all();
    EXPECT_EQ(read_all(*single).outcome, llm::FinishReason::kLength);
    EXPECT_EQ(bench.bytes_held(), 0);
}

TEST(Scheduler, StopsAtAnEndTokenAndSaysSo) {
    Bench bench;
    const auto prompt = golden_tokens("prompt");
    auto request = greedy(prompt, 10);
    request.ignore_end = false;
    request.sampling.logit_bias = {{0, 100.0}};
    const auto channel = bench.submit(request);
    bench.run_all();
    const auto token = channel->next();
    ASSERT_TRUE(token);
    EXPECT_TRUE(token->is_end);
    const Answer rest = read_all(*channel);
    EXPECT_TRUE(rest.tokens.empty());
    EXPECT_EQ(rest.outcome, llm::FinishReason::kStop);
}

TEST(Scheduler, ACancelledSequenceEndsAndFreesItsMemory) {
    Bench bench({.limits = {.running_max = 1}});
    const auto running = bench.submit(greedy(golden_tokens("prompt"), 80));
    const auto waiting = bench.submit(greedy(golden_tokens("prompt"), 80));
    for (int i = 0; i < 5; ++i) {
        bench.scheduler().step();
    }
    EXPECT_GT(bench.bytes_held(), 0);
    waiting->cancel();
    running->cancel();
    bench.scheduler().step();
    EXPECT_EQ(bench.bytes_held(), 0);
    EXPECT_EQ(bench.scheduler().stats().running, 0);
    const Answer first = read_all(*running);
    EXPECT_EQ(first.tokens.size(), 5U);
    EXPECT_EQ(first.outcome, llm::FinishReason::kCancelled);
    EXPECT_EQ(read_all(*waiting).outcome, llm::FinishReason::kCancelled);
}

TEST(Scheduler, StartsInOrderWhenTheCacheHasRoom) {
    Bench bench({.blocks = 5});
    auto prompt = golden_tokens("prompt");
    const auto five_blocks = bench.submit(greedy(prompt, 30));
    prompt[0] += 1;
    const auto five_more = bench.submit(greedy(prompt, 30));
    const auto small = bench.submit(greedy({1, 2}, 3));  // Would fit, but is not first.
    bench.scheduler().step();
    EXPECT_EQ(bench.scheduler().stats().running, 1);
    bench.run_all();
    for (const auto& channel : {five_blocks, five_more, small}) {
        EXPECT_EQ(read_all(*channel).outcome, llm::FinishReason::kLength);
    }
    const auto never = bench.submit(greedy(prompt, 1000));
    bench.run_all();
    EXPECT_EQ(read_all(*never).outcome.error().code, ErrorCode::kInvalid);
}

TEST(Scheduler, RefusesMoreThanTheQueueHolds) {
    Bench bench({.waiting_max = 2});
    const auto request = greedy({1, 2}, 3);
    bench.submit(request);
    bench.submit(request);
    const auto refused = bench.try_submit(request);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
    bench.run_all();
    EXPECT_TRUE(bench.try_submit(request));
}

TEST(Scheduler, ShuttingDownEndsWhatRunsAndWaits) {
    Bench bench({.limits = {.running_max = 1}});
    const auto running = bench.submit(greedy({1, 2}, 30));
    const auto waiting = bench.submit(greedy({1, 2}, 30));
    bench.scheduler().step();
    bench.scheduler().shut_down();
    EXPECT_EQ(read_all(*running).outcome.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(read_all(*waiting).outcome.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(bench.try_submit(greedy({1}, 1)).error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(bench.bytes_held(), 0);
}

TEST(Scheduler, AModelOfBrokenNumbersIsAnError) {
    const auto directory = std::filesystem::path(testing::TempDir()) / new_id();
    ASSERT_TRUE(write_random_model(directory, {.spread = NAN}));
    Bench bench({.model = directory});
    const auto channel = bench.submit(greedy({1, 2, 3}, 5));
    bench.run_all();
    EXPECT_THAT(read_all(*channel).outcome.error().message, HasSubstr("not finite"));
}

// Only one text of tokens is right.
class OneAnswer : public TokenConstraint {
public:
    OneAnswer(std::vector<llm::TokenId> answer, std::int64_t vocabulary)
        : answer_(std::move(answer)), vocabulary_(vocabulary) {}

    Result<const TokenMask*> allowed() override {
        if (answer_[seen_] < 0) {
            return Error{ErrorCode::kInvalid, "no token can go on"};
        }
        const auto token = static_cast<std::size_t>(answer_[seen_]);
        mask_ = {.bits = {}, .count = 1, .tokens = {answer_[seen_]}};
        mask_.bits.resize(static_cast<std::size_t>(vocabulary_ + 63) / 64);
        mask_.bits[token / 64] |= std::uint64_t{1} << (token % 64);
        return &mask_;
    }

    Result<void> accept(llm::TokenId token) override {
        CHECK(token == answer_[seen_], "only what is allowed");
        ++seen_;
        return {};
    }

    bool may_end() const override { return must_end(); }

    bool must_end() const override { return seen_ == answer_.size(); }

    void rollback(std::int64_t count) override { seen_ -= static_cast<std::size_t>(count); }

    std::unique_ptr<TokenConstraint> clone() const override { return nullptr; }

private:
    std::vector<llm::TokenId> answer_;
    std::int64_t vocabulary_;
    std::size_t seen_ = 0;
    TokenMask mask_;
};

class OneAnswerGrammar : public CompiledGrammar {
public:
    OneAnswerGrammar(std::vector<llm::TokenId> answer, std::int64_t vocabulary)
        : answer_(std::move(answer)), vocabulary_(vocabulary) {}

    std::unique_ptr<TokenConstraint> start() const override {
        return std::make_unique<OneAnswer>(answer_, vocabulary_);
    }

private:
    std::vector<llm::TokenId> answer_;
    std::int64_t vocabulary_;
};

TEST(Scheduler, AGrammarDecidesWhatMayComeAndWhenItEnds) {
    Bench bench;
    const std::int64_t vocabulary = bench.config().vocabulary;
    SequenceRequest request = greedy({3, 4, 5}, 10);
    request.grammar = std::make_shared<OneAnswerGrammar>(std::vector<llm::TokenId>{9, 8, 7}, vocabulary);
    const auto whole = bench.submit(request);
    request.completion_tokens_max = 2;
    const auto cut = bench.submit(request);
    request.grammar = std::make_shared<OneAnswerGrammar>(std::vector<llm::TokenId>{9, -1}, vocabulary);
    const auto stuck = bench.submit(request);
    bench.run_all();
    const Answer answer = read_all(*whole);
    EXPECT_EQ(answer.tokens, (std::vector<llm::TokenId>{9, 8, 7}));
    EXPECT_EQ(*answer.outcome, llm::FinishReason::kStop);
    EXPECT_EQ(*read_all(*cut).outcome, llm::FinishReason::kLength);
    const Answer none = read_all(*stuck);
    EXPECT_EQ(none.tokens, (std::vector<llm::TokenId>{9}));
    ASSERT_FALSE(none.outcome);
    EXPECT_THAT(none.outcome.error().message, HasSubstr("no token can go on"));
}

}  // namespace
}  // namespace capstan::engine
