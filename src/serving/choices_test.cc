// Several choices of one prompt over HTTP: what each says, what they cost, and how they end.

#include <thread>

#include <gtest/gtest.h>

#include "llm/chunk_merger.h"
#include "serving/test_engine.h"

namespace capstan::serving {
namespace {

class ChoicesTest : public RealModelTest {
protected:
    static Json body_of(int choices) {
        Json body = Json::object({{"prompt", std::string(150, 'a') + "b"}, {"max_tokens", 7}, {"seed", 11}});
        body.set("ignore_eos", true);
        body.set("n", choices);
        return body;
    }

    static std::vector<std::string> texts_of(const Json& whole) {
        std::vector<std::string> texts;
        for (const Json& choice : *whole["choices"].as_array()) {
            EXPECT_EQ(choice.int_or("index", -1), std::ssize(texts));
            texts.push_back(choice.string_or("text", "<none>"));
        }
        return texts;
    }

    Json merged_stream(Json body) {
        body.set("model", "man/1");
        body.set("stream", true);
        llm::ChunkMerger merger(llm::CallKind::kCompletion);
        http::ClientRequest request{
            .method = "POST", .url = server_->url() + "/v1/completions", .body = body.dump()
        };
        EXPECT_TRUE(client_.events(request, [&](const http::SseEvent& event) -> Result<void> {
            return event.data == "[DONE]" ? Result<void>() : merger.take(parse_json(event.data).value());
        }));
        return merger.answer({.kind = llm::CallKind::kCompletion}, {});
    }

    engine::SchedulerStats stats() { return model_->stats().engine.scheduler; }
};

TEST_F(ChoicesTest, EightCostOnePrefillAndSayWhatEachWouldSayAlone) {
    const Json whole = complete(body_of(8));
    const std::int64_t prompt = whole["usage"].int_or("prompt_tokens", 0);
    EXPECT_GT(prompt, 100);
    EXPECT_EQ(stats().prompt_tokens, prompt);
    EXPECT_EQ(stats().cached_prompt_tokens, 0) << "there was nothing to look for";
    EXPECT_EQ(whole["usage"].int_or("completion_tokens", 0), 8 * 7);
    EXPECT_EQ(registry_.counter("vllm:prompt_tokens_total", "", {{"model_name", "man/1"}}).value(), prompt);
    const auto texts = texts_of(whole);
    ASSERT_EQ(texts.size(), 8U);
    for (int k = 0; k < 8; ++k) {
        Json alone = body_of(1);
        alone.set("seed", 11 + k);
        EXPECT_EQ(texts_of(complete(alone)).at(0), texts[static_cast<std::size_t>(k)]);
    }
    EXPECT_EQ(texts_of(merged_stream(body_of(8))), texts);
}

TEST_F(ChoicesTest, MoreThanRunAtOnceAreTheSameToo) {
    const auto texts = texts_of(complete(body_of(100)));
    ASSERT_EQ(texts.size(), 100U);
    for (const int k : {0, 31, 40, 63, 64, 99}) {
        Json alone = body_of(1);
        alone.set("seed", 11 + k);
        EXPECT_EQ(texts_of(complete(alone)).at(0), texts[static_cast<std::size_t>(k)]) << k;
    }
}

TEST_F(ChoicesTest, EachHasTheScoresOfAPromptThatIsEchoed) {
    Json body = body_of(3);
    body.set("echo", true);
    body.set("logprobs", 1);
    body.set("model", "man/1");
    const Json whole = complete(body);
    const auto& choices = *whole["choices"].as_array();
    const auto length = static_cast<std::size_t>(whole["usage"].int_or("prompt_tokens", 0));
    const auto& first = *choices[0]["logprobs"]["token_logprobs"].as_array();
    ASSERT_EQ(first.size(), length + 7);
    EXPECT_TRUE(first[0].is_null());
    for (const Json& choice : choices) {
        const auto& scores = *choice["logprobs"]["token_logprobs"].as_array();
        ASSERT_EQ(scores.size(), first.size());
        for (std::size_t i = 0; i < length; ++i) {
            EXPECT_EQ(scores[i], first[i]);
        }
    }
    EXPECT_EQ(stats().prompt_tokens, static_cast<std::int64_t>(length));
}

TEST_F(ChoicesTest, ACallerWhoLeavesEndsThemAll) {
    Json body = body_of(40);
    body.set("model", "man/1");
    body.set("stream", true);
    body.set("max_tokens", 300);
    const std::string text = body.dump();
    http::TestPeer peer(server_->port());
    peer.send(
        "POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(text.size()) +
        "\r\n\r\n" + text
    );
    peer.read_until("data: ");
    peer.close();
    const auto left = [this] { return stats().running + model_->stats().engine.waiting; };
    while (left() > 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_LT(stats().generated_tokens, 40 * 300);
    EXPECT_EQ(stats().kv_bytes_used, 0);
}

}  // namespace
}  // namespace capstan::serving
