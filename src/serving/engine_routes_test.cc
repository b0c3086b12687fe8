// OpenAI's API of an engine over real sockets, in front of a scripted model.

#include "serving/engine_routes.h"

#include <gtest/gtest.h>

#include "llm/chunk_merger.h"
#include "serving/test_engine.h"

namespace capstan::serving {
namespace {

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

TEST_F(EngineRoutesTest, AsksForSeveralPromptsAndChoicesAtOnce) {
    serve(scripted_);
    const Json body = Json::object(
        {{"model", "man/1"}, {"prompt", Json::array({"a", "b"})}, {"n", 2}, {"seed", 5}, {"temperature", 1}}
    );
    const Json whole = parse_json(ask(body, "/v1/completions").body).value();
    ASSERT_EQ(whole["choices"].as_array()->size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) {
        const Json& choice = (*whole["choices"].as_array())[i];
        EXPECT_EQ(choice.int_or("index", -1), static_cast<std::int64_t>(i));
        EXPECT_EQ(choice.string_or("text", ""), "Hello");
    }
    EXPECT_EQ(whole["usage"].int_or("prompt_tokens", 0), 6) << "a prompt counts once";
    EXPECT_EQ(whole["usage"].int_or("completion_tokens", 0), 8);
    const auto requests = scripted_.requests();
    ASSERT_EQ(requests.size(), 4U);
    EXPECT_EQ(std::get<std::string>(requests[2].prompt), "b");
    EXPECT_EQ(requests[0].sampling.seed, 5U);
    EXPECT_EQ(requests[1].sampling.seed, 6U) << "choices of one prompt differ";
}

TEST_F(EngineRoutesTest, ACallThatTakesTooLongEndsAndNothingRunsOn) {
    scripted_.is_stuck = true;
    serve(scripted_);
    Json body = chat();
    body.set("timeout_ms", 50);
    const auto late = ask(body);
    EXPECT_EQ(late.status, 504);
    EXPECT_TRUE(late.body.contains("50 ms")) << late.body;
    EXPECT_EQ(scripted_.cancelled, 1);
    body.set("stream", true);
    const Streamed seen = ask_stream(body);
    EXPECT_EQ(seen.text, "Hello");
    EXPECT_TRUE(seen.error.contains("50 ms")) << seen.error;
    EXPECT_FALSE(seen.is_done);
    EXPECT_EQ(scripted_.cancelled, 2);
}

TEST_F(EngineRoutesTest, ACallerWhoLeavesCancelsAlsoACallThatDoesNotStream) {
    scripted_.is_stuck = true;
    serve(scripted_);
    http::TestPeer peer(server_->port());
    const std::string body = chat(false).dump();
    peer.send(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body
    );
    while (scripted_.pieces_made < 2) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    peer.close();
    while (scripted_.cancelled == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
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
    EXPECT_EQ((*body["data"].as_array())[1].int_or("max_model_len", 0), 512);
    EXPECT_EQ(client_.get(server_->url() + "/v1/models/man/2")->status, 200);
    EXPECT_EQ(client_.get(server_->url() + "/v1/models/man/3")->status, 404);
}

TEST_F(EngineRoutesTest, CallsOfToolsComeWholeAndInPieces) {
    scripted_.pieces.clear();
    scripted_.tool_parts = {
        {.index = 0, .name = "add", .arguments = {}},
        {.index = 0, .name = {}, .arguments = "{\"a\":"},
        {.index = 0, .name = {}, .arguments = "1}"},
        {.index = 1, .name = "now", .arguments = "{}"},
    };
    serve(scripted_);
    Json body = chat();
    body.set("tools", parse_json(R"([{"type":"function","function":{"name":"add"}}])").value());
    const Json whole = parse_json(ask(body).body).value();
    const Json& choice = whole["choices"].as_array()->front();
    EXPECT_EQ(choice.string_or("finish_reason", ""), "tool_calls");
    EXPECT_TRUE(choice["message"]["content"].is_null());
    const auto& calls = *choice["message"]["tool_calls"].as_array();
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(calls[0]["function"].string_or("arguments", ""), R"({"a":1})");
    EXPECT_TRUE(calls[1].string_or("id", "").starts_with("call_"));
    EXPECT_EQ(scripted_.requests().at(0).tools.at(0).name, "add");
    body.set("stream", true);
    llm::ChunkMerger merger(llm::CallKind::kChat);
    http::ClientRequest request{
        .method = "POST", .url = server_->url() + "/v1/chat/completions", .body = body.dump()
    };
    ASSERT_TRUE(client_.events(request, [&](const http::SseEvent& event) -> Result<void> {
        return event.data == "[DONE]" ? Result<void>() : merger.take(parse_json(event.data).value());
    }));
    const Json merged = merger.answer({.kind = llm::CallKind::kChat}, {});
    const auto& streamed = *merged["choices"].as_array()->front()["message"]["tool_calls"].as_array();
    ASSERT_EQ(streamed.size(), 2U);
    EXPECT_EQ(streamed[0]["function"], calls[0]["function"]);
    EXPECT_EQ(streamed[1]["function"], calls[1]["function"]);
    body.set("stream", false);
    body.set("parallel_tool_calls", false);
    const Json one = parse_json(ask(body).body).value();
    EXPECT_EQ(one["choices"].as_array()->front()["message"]["tool_calls"].as_array()->size(), 1U);
}

}  // namespace
}  // namespace capstan::serving
