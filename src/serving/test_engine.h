#pragma once

// For *_test.cc only: an engine's server on a real socket, in front of a scripted model, or of a real one
// with random weights.

#include <filesystem>
#include <optional>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/id.h"
#include "engine/client/local_model.h"
#include "engine/model/random_model.h"
#include "llm/openai_wire.h"
#include "platform/http/client.h"
#include "platform/http/server.h"
#include "platform/http/test_peer.h"
#include "serving/engine_routes.h"
#include "serving/model_routes.h"
#include "serving/scripted_model.h"

namespace capstan::serving {

class EngineRoutesTest : public testing::Test {
protected:
    ~EngineRoutesTest() override { server_.reset(); }

    void serve(llm::ModelClient& model, int calls_max = 4) {
        served_.emplace(ServedModel::Parts{
            .client = model,
            .name = "man/1",
            .adapters = {{"man/2", "tuned"}},
            .context_tokens = 512,
            .calls_max = calls_max,
            .metrics = metrics_ ? &*metrics_ : nullptr
        });
        if (auto* local = dynamic_cast<engine::LocalModel*>(&model)) {
            add_model_routes(
                router_,
                {.model = *local,
                 .served = *served_,
                 .folder = folder_,
                 .version = "1.2",
                 .adapters_may_change = true}
            );
        }
        add_engine_routes(router_, *served_);
        http::ServerOptions options;
        options.has_access_log = false;
        server_ = http::Server::start(options, router_).value();
    }

    static Json chat(bool is_stream = false) {
        return Json::object(
            {{"model", "man/1"},
             {"stream", is_stream},
             {"max_tokens", 8},
             {"seed", 5},
             {"messages", Json::array({Json::object({{"role", "user"}, {"content", "What is ls?"}})})}}
        );
    }

    http::ClientResponse ask(const Json& body, std::string path = "/v1/chat/completions") {
        return client_.post_json(server_->url() + path, body.dump()).value();
    }

    struct Streamed {
        std::string text;
        std::string error;
        std::string finish_reason;
        std::set<std::string> ids;
        std::int64_t total_tokens = 0;
        bool is_done = false;
    };

    Streamed ask_stream(const Json& body, std::string path = "/v1/chat/completions") {
        Streamed seen;
        http::ClientRequest request{.method = "POST", .url = server_->url() + path, .body = body.dump()};
        const auto response = client_.events(request, [&](const http::SseEvent& event) -> Result<void> {
            EXPECT_FALSE(seen.is_done);
            seen.is_done = event.data == "[DONE]";
            if (seen.is_done) {
                return {};
            }
            const auto part = llm::parse_answer_part(parse_json(event.data).value());
            if (!part) {
                seen.error = part.error().message;
                return {};
            }
            seen.text += part->text;
            seen.finish_reason += part->finish_reason;
            seen.ids.insert(part->id);
            seen.total_tokens += part->usage.prompt_tokens + part->usage.completion_tokens;
            return {};
        });
        EXPECT_TRUE(response) << response.error().message;
        return seen;
    }

    std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
    http::MetricRegistry registry_;
    std::optional<CallMetrics> metrics_;
    ScriptedModel scripted_;
    std::optional<ServedModel> served_;
    http::Router router_;
    http::Client client_;
    std::unique_ptr<http::Server> server_;
};

class RealModelTest : public EngineRoutesTest {
protected:
    void SetUp() override {
        ASSERT_TRUE(engine::write_random_model(folder_, {}));
        ASSERT_TRUE(engine::write_random_adapter(folder_ / "adapter", {.seed = 9, .spread = 4}, 4));
        auto model =
            engine::LocalModel::open({.directory = folder_, .adapters = {{"tuned", folder_ / "adapter"}}});
        ASSERT_TRUE(model) << model.error().message;
        model_ = std::move(*model);
        metrics_.emplace(registry_, "man/1");
        serve(*model_, 64);
    }

    void TearDown() override {
        server_.reset();
        std::filesystem::remove_all(folder_);
    }

    Json complete(Json body) {
        body.set("model", "man/1");
        const auto response = ask(body, "/v1/completions");
        EXPECT_EQ(response.status, 200) << response.body;
        return parse_json(response.body).value();
    }

    std::unique_ptr<engine::LocalModel> model_;
};

}  // namespace capstan::serving
