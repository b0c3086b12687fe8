// Calls that go well, over real sockets: what comes back, where it came from, and what is recorded of it.

#include "gateway/completions.h"

#include <map>
#include <set>
#include <string>
#include <thread>

#include "gateway/test_gateway.h"

namespace capstan::gateway {
namespace {

TEST_F(GatewayTest, AnswersAChatWhole) {
    start({target("base", {upstream_.upstream()})});
    const auto response = ask(chat());
    ASSERT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.headers.get("x-capstan-target"), "base");
    const Json body = parse_json(response.body).value();
    EXPECT_EQ(body.string_or("object", ""), "chat.completion");
    EXPECT_EQ(body.string_or("model", ""), "man") << "callers see the name that they asked for";
    EXPECT_TRUE(body.string_or("id", "").starts_with("chatcmpl-"));
    const Json& choice = body["choices"].as_array()->front();
    EXPECT_EQ(choice["message"].string_or("content", ""), "Hello");
    EXPECT_EQ(choice.string_or("finish_reason", ""), "stop");
    EXPECT_EQ(body["usage"].int_or("prompt_tokens", 0), 7);
    EXPECT_EQ(body["usage"].int_or("completion_tokens", 0), 5);
    EXPECT_EQ(body["usage"].int_or("total_tokens", 0), 12);
}

TEST_F(GatewayTest, AsksTheUpstreamForAStreamWithUsageUnderItsOwnName) {
    start({target("base", {upstream_.upstream("man-small/3")})});
    Json body = chat();
    body.set("temperature", 0.5).set("seed", 7).set("max_tokens", 9).set("frequency_penalty", 0.25);
    body.set("stop", Json::array({"END"})).set("user", "u1");
    ASSERT_EQ(ask(body).status, 200);
    const Json sent = upstream_.last_body();
    EXPECT_EQ(sent.string_or("model", ""), "man-small/3");
    EXPECT_TRUE(sent.bool_or("stream", false));
    EXPECT_TRUE(sent["stream_options"].bool_or("include_usage", false));
    EXPECT_EQ(sent.double_or("temperature", 0), 0.5);
    EXPECT_EQ(sent.double_or("frequency_penalty", 0), 0.25);
    EXPECT_EQ(sent.int_or("seed", 0), 7);
    EXPECT_EQ(sent.int_or("max_tokens", 0), 9);
    EXPECT_EQ(sent["stop"], Json::array({"END"}));
    EXPECT_EQ(sent["messages"], body["messages"]);
}

TEST_F(GatewayTest, StreamsAChatWithOneIdInAllChunks) {
    upstream_.play({.finish_reason = "length"});
    start({target("base", {upstream_.upstream()})});
    Json body = chat(true);
    body.set("stream_options", Json::object({{"include_usage", true}}));
    const Streamed seen = ask_stream(body);
    ASSERT_EQ(seen.status, 200);
    EXPECT_EQ(seen.target, "base");
    EXPECT_EQ(seen.text, "Hello");
    EXPECT_TRUE(seen.is_done);
    ASSERT_EQ(seen.chunks.size(), 5U) << "role, two pieces, finish, usage";
    std::set<std::string> ids;
    for (const Json& chunk : seen.chunks) {
        ids.insert(chunk.string_or("id", ""));
        EXPECT_EQ(chunk.string_or("model", ""), "man");
        EXPECT_TRUE(chunk.contains("usage"));
    }
    EXPECT_EQ(ids.size(), 1U);
    EXPECT_TRUE(ids.begin()->starts_with("chatcmpl-"));
    const auto& first = seen.chunks.front()["choices"].as_array()->front();
    EXPECT_EQ(first["delta"].string_or("role", ""), "assistant");
    const auto& finish = seen.chunks[3]["choices"].as_array()->front();
    EXPECT_EQ(finish.string_or("finish_reason", ""), "length");
    EXPECT_EQ(seen.chunks.back()["usage"].int_or("total_tokens", 0), 12);
    EXPECT_EQ(recorded(1)[0].string_or("id", ""), *ids.begin());
}

TEST_F(GatewayTest, SendsUsageOnlyWhenAsked) {
    start({target("base", {upstream_.upstream()})});
    for (const Json& chunk : ask_stream(chat(true)).chunks) {
        EXPECT_FALSE(chunk.contains("usage")) << chunk.dump();
    }
}

TEST_F(GatewayTest, EchoesThePromptOfACompletion) {
    start({target("base", {upstream_.upstream()})});
    Json body = Json::object({{"model", "man"}, {"prompt", "Say: "}, {"echo", true}});
    const auto whole = ask(body, "/v1/completions");
    ASSERT_EQ(whole.status, 200) << whole.body;
    const Json answer = parse_json(whole.body).value();
    EXPECT_EQ(answer["choices"].as_array()->front().string_or("text", ""), "Say: Hello");
    EXPECT_TRUE(answer.string_or("id", "").starts_with("cmpl-"));
    EXPECT_TRUE(upstream_.last_body().bool_or("echo", false));
    body.set("stream", true);
    EXPECT_EQ(ask_stream(body, "/v1/completions").text, "Say: Hello");
    for (const Json& call : recorded(2)) {
        EXPECT_EQ(call.string_or("output", ""), "Hello") << "the record has what the model said";
        EXPECT_EQ(call.string_or("input", ""), "Say: ");
    }
}

TEST_F(GatewayTest, RecordsTokensAndMoneyOfEachCallOnce) {
    start({target("base", {upstream_.upstream()})});
    Json body = chat(true);
    body.set("user", "ada");
    const std::string id = ask_stream(body).chunks.front().string_or("id", "");
    const Json call = recorded(1)[0];
    EXPECT_EQ(call.string_or("id", ""), id);
    EXPECT_EQ(call.string_or("status", ""), "ok");
    EXPECT_EQ(call.string_or("project_id", ""), admin_.project_id);
    EXPECT_EQ(call.string_or("key_id", ""), admin_.id);
    EXPECT_EQ(call.string_or("deployment", ""), "man");
    EXPECT_EQ(call.string_or("target_id", ""), "id-base");
    EXPECT_EQ(call.string_or("model", ""), "man-small/3");
    EXPECT_EQ(call.string_or("end_user", ""), "ada");
    EXPECT_EQ(call.string_or("output", ""), "Hello");
    EXPECT_EQ(call["input"], body["messages"]);
    EXPECT_EQ(call.int_or("prompt_tokens", 0), 7);
    EXPECT_EQ(call.int_or("completion_tokens", 0), 5);
    EXPECT_EQ(call.int_or("cost_nano_usd", 0), 7 * 100 + 5 * 2000);
    EXPECT_GT(call.double_or("first_token_ms", 0), 0);
    EXPECT_GE(call.double_or("duration_ms", 0), call.double_or("first_token_ms", 0));
    ASSERT_EQ(call["spans"].as_array()->size(), 3U);
}

TEST_F(GatewayTest, CountsPiecesWhenTheUpstreamTellsNoUsage) {
    upstream_.play({.is_without_usage = true});
    start({target("base", {upstream_.upstream()})});
    ASSERT_EQ(ask(chat()).status, 200);
    const Json call = recorded(1)[0];
    EXPECT_EQ(call.int_or("completion_tokens", 0), 2);
    const Json& root = call["spans"].as_array()->front();
    EXPECT_TRUE(root["attributes"].bool_or("is_usage_counted_in_pieces", false));
}

TEST_F(GatewayTest, TheSplitSticksToTheUserAndToTheHeader) {
    FakeUpstream other;
    start({target("base", {upstream_.upstream()}, 50), target("adapted", {other.upstream()}, 50)});
    std::map<std::string, int> targets;
    for (int user = 0; user < 12; ++user) {
        Json by_user = chat();
        by_user.set("user", "user-" + std::to_string(user));
        auto by_header = request("/v1/chat/completions", chat());
        by_header.headers.add("x-capstan-sticky-key", "user-" + std::to_string(user));
        const auto first = ask(by_user);
        const std::string target(first.headers.get("x-capstan-target"));
        EXPECT_EQ(ask(by_user).headers.get("x-capstan-target"), target);
        EXPECT_EQ(client_.send(by_header)->headers.get("x-capstan-target"), target);
        ++targets[target];
    }
    EXPECT_EQ(targets.size(), 2U) << "twelve users on one of two equal targets: once in 2048";
    EXPECT_EQ(upstream_.calls(), targets["base"] * 3);
    EXPECT_EQ(other.calls(), targets["adapted"] * 3);
}

TEST_F(GatewayTest, ListsTheModelsOfTheProject) {
    start({target("base", {upstream_.upstream()})});
    http::ClientRequest list = request("/v1/models", Json());
    list.method = "GET";
    list.body.clear();
    const Json body = parse_json(client_.send(list)->body).value();
    ASSERT_EQ(body["data"].as_array()->size(), 1U);
    EXPECT_EQ(body["data"].as_array()->front().string_or("id", ""), "man");
    EXPECT_EQ(body["data"].as_array()->front().int_or("created", 0), 5);
    list.url += "/man";
    EXPECT_EQ(client_.send(list)->status, 200);
    list.url += "/other";
    EXPECT_EQ(client_.send(list)->status, 404);
}

TEST_F(GatewayTest, RecordsTheBeginningOfWhatIsTooLongForAnEvent) {
    // Four bytes a character, so that a cut in the wrong place shows; and control characters, which JSON
    // makes six times as long.
    std::string question;
    for (int i = 0; i < 300'000; ++i) {
        question += "😀";
    }
    upstream_.play({.pieces = std::vector<std::string>(40, std::string(20'000, '\x01') + "é")});
    start({target("base", {upstream_.upstream()})});
    Json body = chat();
    body.set("messages", Json::array({Json::object({{"role", "user"}, {"content", question}})}));
    const auto response = ask(body);
    ASSERT_EQ(response.status, 200) << response.body.substr(0, 300);
    const Json answer = parse_json(response.body).value();
    const auto& message = answer["choices"].as_array()->front()["message"];
    EXPECT_EQ(message.string_or("content", "").size(), 40 * 20'002U) << "the caller gets all of it";
    const Json call = recorded(1)[0];
    EXPECT_EQ(call.string_or("status", ""), "ok");
    EXPECT_GT(call.string_or("output", "").size(), 60'000U);
    const std::string input = call["input"].as_array()->front().string_or("content", "");
    EXPECT_TRUE(input.starts_with("😀"));
    EXPECT_TRUE(input.contains("😀… (cut: ")) << input.substr(input.size() - 60);
}

TEST_F(GatewayTest, ManyCallersAtOnceAreAllAnsweredAndRecorded) {
    start({target("base", {upstream_.upstream()})});
    std::atomic<int> answered = 0;
    {
        std::vector<std::jthread> callers;
        for (int i = 0; i < 8; ++i) {
            callers.emplace_back([&, i] {
                for (int j = 0; j < 5; ++j) {
                    const bool is_right = i % 2 == 0 ? ask_stream(chat(true)).text == "Hello"
                                                     : ask(chat()).body.contains("Hello");
                    answered += is_right ? 1 : 0;
                    gateway_->routes().list(admin_.project_id);
                }
            });
        }
        for (int i = 0; i < 50; ++i) {
            route({target("base", {upstream_.upstream()})});  // Routes change under the calls.
        }
    }
    EXPECT_EQ(answered, 40);
    std::set<std::string> ids;
    for (const Json& call : recorded(40)) {
        ids.insert(call.string_or("id", ""));
    }
    EXPECT_EQ(ids.size(), 40U);
}

}  // namespace
}  // namespace capstan::gateway
