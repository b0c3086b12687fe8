// Vectors by a decoder: through the scheduler, and the same as by its forward pass alone.

#include "engine/client/local_embedder.h"

#include <chrono>
#include <cmath>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "engine/model/pooling.h"
#include "engine/model/random_model.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

class LocalEmbedderTest : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(write_random_model(folder_, {})); }

    void TearDown() override { std::filesystem::remove_all(folder_); }

    // sentence-transformers' files.
    void write_modules(const char* pooling, bool normalises) {
        Json modules = Json::array({
            Json::object({{"idx", 0}, {"path", ""}, {"type", "sentence_transformers.models.Transformer"}}),
            Json::object({{"idx", 1}, {"path", "1_Pooling"}, {"type", "sentence_transformers.models.Pooling"}}
            ),
        });
        if (normalises) {
            modules.push(Json::object({{"path", "2"}, {"type", "sentence_transformers.models.Normalize"}}));
        }
        ASSERT_TRUE(replace_file(folder_ / "modules.json", modules.dump()));
        std::filesystem::create_directories(folder_ / "1_Pooling");
        ASSERT_TRUE(replace_file(folder_ / "1_Pooling/config.json", Json::object({{pooling, true}}).dump()));
    }

    std::unique_ptr<LocalEmbedder> open(EmbedderOptions options) {
        options.model = folder_;
        auto embedder = LocalEmbedder::open(options);
        EXPECT_TRUE(embedder) << embedder.error().message;
        return std::move(*embedder);
    }

    // By the model alone: all rows at once, pooled by hand.
    std::vector<float> by_hand(const std::vector<llm::TokenId>& tokens, Pooling pooling) const {
        const auto model = Model::open(folder_, 1).value();
        const auto cache = BlockKvCache::build(model->kv_shape(), 1 << 22).value();
        KvSequence kv = cache->empty();
        EXPECT_TRUE(cache->grow(kv, std::ssize(tokens)));
        std::vector<BatchRow> rows;
        for (const llm::TokenId token : tokens) {
            rows.push_back({.token = token, .position = std::ssize(rows), .kv = &kv, .wants_logits = true});
        }
        const auto hidden = model->forward_hidden(rows);
        const auto width = static_cast<std::size_t>(model->config().hidden);
        std::vector<float> vector(hidden.end() - static_cast<std::ptrdiff_t>(width), hidden.end());
        for (std::size_t i = 0; pooling == Pooling::kMean && i < width; ++i) {
            double sum = 0;
            for (std::size_t row = 0; row < tokens.size(); ++row) {
                sum += static_cast<double>(hidden[row * width + i]);
            }
            vector[i] = static_cast<float>(sum / static_cast<double>(tokens.size()));
        }
        cache->release(kv);
        return vector;
    }

    static std::vector<llm::EncoderInput> many(std::size_t count) {
        std::vector<llm::EncoderInput> inputs;
        for (std::size_t i = 0; i < count; ++i) {
            std::vector<llm::TokenId> tokens = {
                5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22
            };
            tokens.resize(tokens.size() + i % 30, static_cast<llm::TokenId>(30 + i));
            inputs.emplace_back(tokens);
        }
        return inputs;
    }

    std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
};

TEST_F(LocalEmbedderTest, AVectorIsWhatTheModelLeavesOfTheLastTokenOrOfAll) {
    const std::vector<llm::TokenId> tokens = {40, 41, 42, 43, 44};
    const std::vector<llm::EncoderInput> inputs = {tokens, std::string("other")};
    for (const auto& [name, pooling] :
         {std::pair{"pooling_mode_lasttoken", Pooling::kLast}, {"pooling_mode_mean_tokens", Pooling::kMean}
         }) {
        write_modules(name, false);
        const auto embedded = open({})->embed(inputs, {});
        ASSERT_TRUE(embedded) << embedded.error().message;
        ASSERT_EQ(embedded->vectors.size(), 2U);
        EXPECT_EQ(embedded->vectors[0], by_hand(tokens, pooling)) << name;
        EXPECT_NE(embedded->vectors[0], embedded->vectors[1]);
        EXPECT_EQ(embedded->prompt_tokens, 5 + 5);
    }
}

TEST_F(LocalEmbedderTest, IsTheSameToTheBitWhateverElseIsComputedAndHowItIsCut) {
    for (const Pooling pooling : {Pooling::kLast, Pooling::kMean}) {
        const auto inputs = many(40);
        EmbedderOptions small{.pooling = pooling};
        small.engine.scheduler.prefill_tokens_max = 7;
        small.engine.scheduler.running_max = 3;
        small.engine.kv_cache_bytes = 200'000;  // Some ten pages.
        const auto cut = open(small)->embed(inputs, {});
        ASSERT_TRUE(cut) << cut.error().message;
        const auto whole = open({.pooling = pooling});
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            EXPECT_EQ(cut->vectors[i], whole->embed(std::span(inputs).subspan(i, 1), {})->vectors[0]) << i;
        }
        EXPECT_EQ(whole->stats().scheduler.cached_prompt_tokens > 0, pooling == Pooling::kLast)
            << "what texts begin with is shared unless every token counts";
    }
}

TEST_F(LocalEmbedderTest, NormalisesWhenItsFilesSayOrNothingIsSaid) {
    const std::vector<llm::EncoderInput> inputs = {std::string("text")};
    const auto length = [&](LocalEmbedder& embedder) {
        double squares = 0;
        for (const float value : embedder.embed(inputs, {})->vectors[0]) {
            squares += static_cast<double>(value) * static_cast<double>(value);
        }
        return std::sqrt(squares);
    };
    EXPECT_NEAR(length(*open({.pooling = Pooling::kLast})), 1, 1e-5);
    write_modules("pooling_mode_lasttoken", true);
    EXPECT_NEAR(length(*open({})), 1, 1e-5);
    write_modules("pooling_mode_lasttoken", false);
    EXPECT_GT(std::abs(length(*open({})) - 1), 1e-3);
}

TEST_F(LocalEmbedderTest, PutsTheEndTokenBehindATextWhereTheTokenizersConfigSaysSo) {
    Json config = parse_json(read_file(folder_ / "tokenizer_config.json").value()).value();
    config.set("add_eos_token", true);
    config.set("eos_token", "<|end|>");
    ASSERT_TRUE(replace_file(folder_ / "tokenizer_config.json", config.dump()));
    const auto embedder = open({.pooling = Pooling::kLast});
    const std::vector<llm::EncoderInput> inputs = {
        std::string("a"), std::vector<llm::TokenId>{69, 4}, std::string("<|end|>")
    };
    const auto embedded = embedder->embed(inputs, {});
    EXPECT_EQ(embedded->vectors[0], embedded->vectors[1]) << "a is the 65th byte behind five special tokens";
    EXPECT_EQ(embedded->prompt_tokens, 2 + 2 + 8) << "special tokens within a text are text";
}

TEST_F(LocalEmbedderTest, RefusesWhatItCannotRead) {
    const auto refusal = [&](const llm::EncoderInput& input) {
        return open({.context_tokens_max = 4, .pooling = Pooling::kLast})
            ->embed(std::span(&input, 1), {})
            .error();
    };
    EXPECT_THAT(refusal(std::string("12345")).message, HasSubstr("input 0: a text has 5 tokens; 1 to 4"));
    EXPECT_THAT(refusal(std::vector<llm::TokenId>{272}).message, HasSubstr("token 272"));
    EXPECT_THAT(LocalEmbedder::open({.model = folder_}).error().message, HasSubstr("how to pool"));
    write_modules("pooling_mode_cls_token", true);
    EXPECT_THAT(LocalEmbedder::open({.model = folder_}).error().message, HasSubstr("is a decoder"));
    Json config = parse_json(read_file(folder_ / "config.json").value()).value();
    config.set("is_causal", false);
    ASSERT_TRUE(replace_file(folder_ / "config.json", config.dump()));
    EXPECT_THAT(
        LocalEmbedder::open({.model = folder_, .pooling = Pooling::kLast}).error().message,
        HasSubstr("behind them")
    );
}

TEST_F(LocalEmbedderTest, ReadsModelsThatWereSavedWithoutAHead) {
    const std::vector<llm::EncoderInput> inputs = {std::string("text")};
    const auto before = open({.pooling = Pooling::kMean})->embed(inputs, {});
    Json config = parse_json(read_file(folder_ / "config.json").value()).value();
    config.set("architectures", Json::array({"LlamaModel"}));
    config.set("tie_word_embeddings", false);
    ASSERT_TRUE(replace_file(folder_ / "config.json", config.dump()));
    EXPECT_EQ(open({.pooling = Pooling::kMean})->embed(inputs, {})->vectors, before->vectors);
}

TEST_F(LocalEmbedderTest, ACallThatIsGivenUpEndsAndLeavesTheOthersAlone) {
    const auto embedder = open({.pooling = Pooling::kMean});
    std::stop_source gone;
    gone.request_stop();
    EXPECT_EQ(embedder->embed(many(50), {.stop = gone.get_token()}).error().code, ErrorCode::kCancelled);
    EXPECT_EQ(
        embedder->embed(many(50), {.deadline_at_ms = monotonic_now_ms() - 1}).error().code,
        ErrorCode::kCancelled
    );
    EXPECT_TRUE(embedder->embed(many(50), {}));
    // A caller has its vectors before the engine's thread has counted again.
    for (int look = 0; look < 5000 && embedder->stats().scheduler.running > 0; ++look) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(embedder->stats().scheduler.running, 0);
}

TEST_F(LocalEmbedderTest, ManyCallersShareTheEnginesBatches) {
    EmbedderOptions options{.pooling = Pooling::kLast};
    options.engine.waiting_max = 8;  // Fewer than they send.
    const auto embedder = open(options);
    const auto inputs = many(40);
    const auto alone = embedder->embed(inputs, {});
    std::vector<std::thread> callers;
    for (int i = 0; i < 3; ++i) {
        callers.emplace_back([&] {
            const auto again = embedder->embed(inputs, {});
            // A full queue refuses a call of which nothing goes on yet.
            EXPECT_TRUE(again || again.error().code == ErrorCode::kExhausted);
            if (again) {
                EXPECT_EQ(again->vectors, alone->vectors);
            }
        });
    }
    for (std::thread& caller : callers) {
        caller.join();
    }
}

}  // namespace
}  // namespace capstan::engine
