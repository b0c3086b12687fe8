// An engine that gives its memory back for a while, through HTTP.

#include "serving/sleep_routes.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "engine/client/local_embedder.h"
#include "serving/encoder_routes.h"
#include "serving/memory_watch.h"
#include "serving/test_engine.h"

namespace capstan::serving {
namespace {

using testing::HasSubstr;

class SleepTest : public EngineRoutesTest {
protected:
    void TearDown() override {
        server_.reset();
        std::filesystem::remove_all(folder_);
    }

    void open(const engine::RandomModel& random) {
        ASSERT_TRUE(engine::write_random_model(folder_, random));
        auto model = engine::LocalModel::open({.directory = folder_});
        ASSERT_TRUE(model) << model.error().message;
        model_ = std::move(*model);
        serve(*model_);
    }

    int post(const std::string& path) { return client_.post_json(server_->url() + path, "")->status; }

    bool is_asleep() { return client_.get(server_->url() + "/is_sleeping")->body.contains("true"); }

    std::string text() { return ask(chat()).body; }

    std::unique_ptr<engine::LocalModel> model_;
};

TEST_F(SleepTest, WeightsAndCacheGoBackToTheSystemAndComeAgainToTheSameAnswer) {
    engine::RandomModel random;
    random.config.hidden = 512;
    random.config.intermediate = 1024;
    random.config.layers = 4;
    random.config.heads = 8;
    random.config.kv_heads = 8;
    random.config.head_dim = 64;
    open(random);  // Some 40 MB of weights.
    const auto resident_mb = [] { return resident_bytes(getpid()).value() >> 20; };
    const auto told = [&] {
        return parse_json(text()).value()["choices"].as_array()->front()["message"].string_or("content", "?");
    };
    const std::string before = told();
    const std::int64_t awake_mb = resident_mb();
    ASSERT_EQ(post("/sleep?level=1"), 200);
    const std::int64_t asleep_mb = resident_mb();
    EXPECT_LT(asleep_mb, awake_mb - 20) << "of " << awake_mb << " MB";
    EXPECT_TRUE(is_asleep());
    EXPECT_EQ(model_->stats().engine.scheduler.generated_tokens, 8);
    ASSERT_EQ(post("/wake_up"), 200);
    EXPECT_FALSE(is_asleep());
    EXPECT_EQ(told(), before);
    EXPECT_EQ(model_->stats().engine.scheduler.generated_tokens, 16) << "counters go on";
    EXPECT_GT(resident_mb(), asleep_mb + 10);
}

TEST_F(SleepTest, WhoCallsMeanwhileIsToldWhatToDo) {
    open({});
    EXPECT_EQ(post("/sleep?level=3"), 400);
    EXPECT_FALSE(is_asleep());
    ASSERT_EQ(post("/sleep"), 200);
    ASSERT_EQ(post("/sleep?level=2"), 200) << "it sleeps already";
    const auto refused = ask(chat());
    EXPECT_EQ(refused.status, 503);
    EXPECT_THAT(refused.body, HasSubstr("POST /wake_up first"));
    EXPECT_EQ(refused.headers.get("Retry-After"), "1");
    EXPECT_EQ(client_.get(server_->url() + "/health")->status, 200);
    EXPECT_EQ(ask(Json::object({{"prompt", "abc"}}), "/tokenize").status, 200) << "needs no weights";
    EXPECT_FALSE(model_->token_log_probabilities(std::vector<llm::TokenId>{5, 6}, ""));
    ASSERT_EQ(post("/wake_up"), 200);
    ASSERT_EQ(post("/wake_up"), 200) << "it is awake already";
    EXPECT_EQ(ask(chat()).status, 200);
}

TEST_F(SleepTest, AModelWhoseFileIsGoneSleepsOn) {
    open({});
    ASSERT_EQ(post("/sleep"), 200);
    const auto away = folder_ / "away";
    std::filesystem::rename(folder_ / "model.safetensors", away);
    EXPECT_NE(post("/wake_up"), 200);
    EXPECT_TRUE(is_asleep());
    EXPECT_EQ(ask(chat()).status, 503);
    std::filesystem::rename(away, folder_ / "model.safetensors");
    EXPECT_EQ(post("/wake_up"), 200);
    EXPECT_EQ(ask(chat()).status, 200);
}

TEST_F(SleepTest, WhatMakesVectorsSleepsAsWell) {
    ASSERT_TRUE(engine::write_random_model(folder_, {}));
    auto embedder = engine::LocalEmbedder::open({.model = folder_, .pooling = engine::Pooling::kLast});
    ASSERT_TRUE(embedder) << embedder.error().message;
    add_encoder_routes(router_, {.encoder = **embedder, .name = "e5"});
    add_sleep_routes(router_, {.sleeper = **embedder});
    http::ServerOptions options;
    options.has_access_log = false;
    server_ = http::Server::start(options, router_).value();
    const Json body = Json::object({{"model", "e5"}, {"input", "text"}});
    const std::string before = ask(body, "/v1/embeddings").body;
    ASSERT_EQ(post("/sleep"), 200);
    const auto refused = ask(body, "/v1/embeddings");
    EXPECT_EQ(refused.status, 503);
    EXPECT_THAT(refused.body, HasSubstr("POST /wake_up first"));
    ASSERT_EQ(post("/wake_up"), 200);
    EXPECT_EQ(ask(body, "/v1/embeddings").body, before);
    server_.reset();  // Before the embedder.
}

}  // namespace
}  // namespace capstan::serving
