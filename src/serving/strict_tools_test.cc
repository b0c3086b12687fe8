// Tools whose arguments must follow their schema, through HTTP, with a real model that would write anything.

#include <gmock/gmock.h>

#include "base/file.h"
#include "llm/chunk_merger.h"
#include "serving/test_engine.h"

namespace capstan::serving {
namespace {

using testing::HasSubstr;

constexpr std::string_view kOpen = "261";  // The token <tool_call>.

// A model with Hermes' marks as tokens.
class StrictToolsTest : public EngineRoutesTest {
protected:
    void SetUp() override {
        ASSERT_TRUE(engine::write_random_model(folder_, {}));
        Json tokenizer = parse_json(read_file(folder_ / "tokenizer.json").value()).value();
        Json added = tokenizer["added_tokens"];
        for (const auto& [id, mark] : {std::pair{261, "<tool_call>"}, std::pair{262, "</tool_call>"}}) {
            Json token = added.as_array()->front();
            token.set("id", id);
            token.set("content", mark);
            added.push(std::move(token));
        }
        tokenizer.set("added_tokens", std::move(added));
        ASSERT_TRUE(replace_file(folder_ / "tokenizer.json", tokenizer.dump()));
        const Json config = Json::object(
            {{"chat_template",
              "{% for tool in tools %}<tool_call>{{ tool | tojson }}{% endfor %}"
              "{% for m in messages %}{{ m.content }}{% endfor %}"}}
        );
        ASSERT_TRUE(replace_file(folder_ / "tokenizer_config.json", config.dump()));
        auto model = engine::LocalModel::open({.directory = folder_});
        ASSERT_TRUE(model) << model.error().message;
        model_ = std::move(*model);
        serve(*model_);
    }

    void TearDown() override {
        server_.reset();
        std::filesystem::remove_all(folder_);
    }

    // A chat whose model opens a call wherever it may.
    static Json asked() {
        Json body = chat();
        body.set("max_tokens", 300);
        body.set("logit_bias", Json::object({{std::string(kOpen), 100}}));
        body.set("parallel_tool_calls", false);
        body.set(
            "tools",
            parse_json(R"([{"type":"function","function":{"name":"weather","strict":true,
            "parameters":{"type":"object","properties":{"town":{"enum":["Bern","Oslo"]},
            "days":{"type":"integer","minimum":1,"maximum":3}},
            "required":["town","days"],"additionalProperties":false}}}])")
                .value()
        );
        return body;
    }

    static void expect_weather(const Json& call) {
        EXPECT_EQ(call["function"].string_or("name", ""), "weather");
        const auto arguments = parse_json(call["function"].string_or("arguments", ""));
        ASSERT_TRUE(arguments) << call.dump();
        const std::string town = arguments->string_or("town", "");
        EXPECT_TRUE(town == "Bern" || town == "Oslo") << call.dump();
        EXPECT_THAT(arguments->int_or("days", 0), testing::AllOf(testing::Ge(1), testing::Le(3)));
        EXPECT_EQ(arguments->as_object()->size(), 2U);
    }

    std::unique_ptr<engine::LocalModel> model_;
};

TEST_F(StrictToolsTest, TheArgumentsFollowTheSchemaOnceTheModelCalls) {
    for (int seed = 0; seed < 5; ++seed) {
        Json body = asked();
        body.set("seed", seed);
        const Json whole = parse_json(ask(body).body).value();
        const Json& choice = whole["choices"].as_array()->front();
        EXPECT_EQ(choice.string_or("finish_reason", ""), "tool_calls") << whole.dump();
        ASSERT_EQ(choice["message"]["tool_calls"].as_array()->size(), 1U) << whole.dump();
        expect_weather(choice["message"]["tool_calls"].as_array()->front());
    }
}

TEST_F(StrictToolsTest, AndSoItIsInAStream) {
    Json body = asked();
    body.set("stream", true);
    llm::ChunkMerger merger(llm::CallKind::kChat);
    int deltas = 0;
    const http::ClientRequest request{
        .method = "POST", .url = server_->url() + "/v1/chat/completions", .body = body.dump()
    };
    ASSERT_TRUE(client_.events(request, [&](const http::SseEvent& event) -> Result<void> {
        deltas += event.data.contains("tool_calls\":[{") ? 1 : 0;
        return event.data == "[DONE]" ? Result<void>() : merger.take(parse_json(event.data).value());
    }));
    EXPECT_GT(deltas, 1) << "arguments come in pieces";
    const Json merged = merger.answer({.kind = llm::CallKind::kChat}, {});
    const auto& calls = *merged["choices"].as_array()->front()["message"]["tool_calls"].as_array();
    ASSERT_EQ(calls.size(), 1U);
    expect_weather(calls.front());
}

TEST_F(StrictToolsTest, SeveralCallsEachFollowIt) {
    Json body = asked();
    body.set("parallel_tool_calls", true);
    body.set("max_tokens", 450);
    const Json whole = parse_json(ask(body).body).value();
    const auto& calls = *whole["choices"].as_array()->front()["message"]["tool_calls"].as_array();
    ASSERT_GT(calls.size(), 1U) << whole.dump();
    for (std::size_t i = 0; i + 1 < calls.size(); ++i) {  // The last may be cut off by its length.
        expect_weather(calls[i]);
    }
}

TEST_F(StrictToolsTest, TextStaysFreeUntilTheModelCalls) {
    Json body = asked();
    body.set("logit_bias", Json::object({{std::string(kOpen), -100}}));
    body.set("max_tokens", 20);
    const Json held = parse_json(ask(body).body).value();
    const Json& message = held["choices"].as_array()->front()["message"];
    EXPECT_FALSE(message.contains("tool_calls")) << held.dump();
    EXPECT_GT(message.string_or("content", "").size(), 3U) << held.dump();
}

TEST_F(StrictToolsTest, ASchemaThatCannotBeHeldIsRefusedByItsTool) {
    Json body = asked();
    body.set(
        "tools",
        parse_json(R"([{"type":"function","function":{"name":"odd","strict":true,
        "parameters":{"not":{}}}}])")
            .value()
    );
    const auto refused = ask(body);
    EXPECT_EQ(refused.status, 400);
    EXPECT_THAT(refused.body, HasSubstr("tool 'odd'"));
}

}  // namespace
}  // namespace capstan::serving
