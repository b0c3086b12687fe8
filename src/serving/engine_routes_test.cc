// OpenAI's API of an engine over real sockets: in front of a scripted model, and of a real one with random
// weights.

#include "serving/engine_routes.h"

#include <filesystem>
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
#include "serving/scripted_model.h"

namespace capstan::serving {
namespace {

class EngineRoutesTest : public testing::Test {
protected:
    ~EngineRoutesTest() override { server_.reset(); }

    void serve(llm::ModelClient& model, int calls_max = 4) {
        pool_ = std::make_unique<http::WorkerPool>(calls_max, 0);
        add_engine_routes(
            router_,
            {.client = model, .name = "man/1", .adapters = {{"man/2", "tuned"}}, .generations = *pool_}
        );
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

    ScriptedModel scripted_;
    std::unique_ptr<http::WorkerPool> pool_;
    http::Router router_;
    http::Client client_;
    std::unique_ptr<http::Server> server_;
};

TEST_F(EngineRoutesTest, AnswersWholeAndStreamed) {
    scripted_.finish_reason = llm::FinishReason::kLength;
    serve(scripted_);
    const Json whole = parse_json(ask(chat()).body).value();
    const Json& choice = whole["choices"].as_array()->front();
    EXPECT_EQ(choice["message"].string_or("content", ""), "Hello");
    EXPECT_EQ(choice.string_or("finish_reason", ""), "length");
    EXPECT_EQ(whole["usage"].int_or("total_tokens", 0), 5);
    EXPECT_EQ(whole["usage"]["prompt_tokens_details"].int_or("cached_tokens", 0), 1);
    Json body = chat(true);
    body.set("stream_options", Json::object({{"include_usage", true}}));
    const Streamed seen = ask_stream(body);
    EXPECT_EQ(seen.text, "Hello");
    EXPECT_EQ(seen.finish_reason, "length");
    EXPECT_EQ(seen.ids.size(), 1U);
    EXPECT_EQ(seen.total_tokens, 5);
    EXPECT_TRUE(seen.is_done);
}

TEST_F(EngineRoutesTest, EchoesAPromptWholeAndStreamed) {
    serve(scripted_);
    Json body = Json::object({{"model", "man/1"}, {"prompt", "Say: "}, {"echo", true}});
    const Json whole = parse_json(ask(body, "/v1/completions").body).value();
    EXPECT_EQ(whole["choices"].as_array()->front().string_or("text", ""), "Say: Hello");
    body.set("stream", true);
    EXPECT_EQ(ask_stream(body, "/v1/completions").text, "Say: Hello");
}

TEST_F(EngineRoutesTest, RefusesWhatIsNoCallAndModelsThatItDoesNotServe) {
    serve(scripted_);
    EXPECT_EQ(ask(Json::object()).status, 400);
    EXPECT_EQ(client_.post_json(server_->url() + "/v1/completions", "{").value().status, 400);
    Json other = chat();
    other.set("model", "man/9");
    const auto response = ask(other);
    EXPECT_EQ(response.status, 404);
    EXPECT_TRUE(response.body.contains("man/9"));
    EXPECT_EQ(scripted_.pieces_made, 0);
}

TEST_F(EngineRoutesTest, AFailureBeforeTheFirstPieceHasItsStatusAlsoWhenStreamed) {
    scripted_.pieces.clear();
    scripted_.failure = Error{ErrorCode::kInvalid, "the prompt has 900 tokens; 512 fit"};
    serve(scripted_);
    for (const bool is_stream : {false, true}) {
        const auto response = ask(chat(is_stream));
        EXPECT_EQ(response.status, 400) << response.body;
        EXPECT_TRUE(response.body.contains("512 fit")) << response.body;
    }
}

TEST_F(EngineRoutesTest, AFailureInMidStreamIsAnErrorEventAndOurFaultsAreNotExplained) {
    scripted_.failure = Error{ErrorCode::kInternal, "secret detail"};
    serve(scripted_);
    const Streamed seen = ask_stream(chat(true));
    EXPECT_EQ(seen.text, "Hello");
    EXPECT_EQ(seen.error, "internal error");
    EXPECT_FALSE(seen.is_done);
    EXPECT_FALSE(ask(chat()).body.contains("secret"));
}

TEST_F(EngineRoutesTest, RefusesMoreCallsThanItTakesAndTakesThemWhenACallerLeaves) {
    scripted_.is_endless = true;
    serve(scripted_, 1);
    http::TestPeer peer(server_->port());
    const std::string body = chat(true).dump();
    peer.send(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body
    );
    peer.read_until("Hel");
    const auto refused = ask(chat());
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.headers.get("Retry-After"), "1");
    peer.close();
    while (scripted_.cancelled == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

TEST_F(EngineRoutesTest, ListsTheModelAndItsAdapters) {
    serve(scripted_);
    const Json body = parse_json(client_.get(server_->url() + "/v1/models")->body).value();
    ASSERT_EQ(body["data"].as_array()->size(), 2U);
    EXPECT_EQ((*body["data"].as_array())[0].string_or("id", ""), "man/1");
    EXPECT_EQ((*body["data"].as_array())[1].string_or("id", ""), "man/2");
}

TEST_F(EngineRoutesTest, ARealModelSaysTheSameWholeAndStreamedAndAnAdapterChangesIt) {
    const auto folder = std::filesystem::path(testing::TempDir()) / new_id();
    ASSERT_TRUE(engine::write_random_model(folder, {}));
    ASSERT_TRUE(engine::write_random_adapter(folder / "adapter", {.seed = 9, .spread = 4}, 4));
    const auto model =
        engine::LocalModel::open({.directory = folder, .adapters = {{"tuned", folder / "adapter"}}});
    ASSERT_TRUE(model) << model.error().message;
    serve(**model);
    const Json whole = parse_json(ask(chat()).body).value();
    const std::string text =
        whole["choices"].as_array()->front()["message"].string_or("content", "<missing>");
    EXPECT_EQ(ask_stream(chat(true)).text, text);
    EXPECT_GT(whole["usage"].int_or("prompt_tokens", 0), 11) << "the question and the template around it";
    Json adapted = chat(true);
    adapted.set("model", "man/2");
    EXPECT_NE(ask_stream(adapted).text, text);
    Json too_long = chat();
    too_long.set(
        "messages", Json::array({Json::object({{"role", "user"}, {"content", std::string(600, 'x')}})})
    );
    EXPECT_EQ(ask(too_long).status, 400);
    server_.reset();
    pool_->stop();
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace capstan::serving
