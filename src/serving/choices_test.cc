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

    // Of an answer with scores.
    static double sum_of(const Json& choice) {
        double sum = 0;
        for (const Json& score : *choice["logprobs"]["token_logprobs"].as_array()) {
            sum += *score.as_double();
        }
        return sum;
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

TEST_F(ChoicesTest, BeamsAreMoreProbableThanGreedyAnswersAndTheBestComesFirst) {
    Json body = body_of(4);
    body.set("use_beam_search", true);
    body.set("logprobs", 0);
    const Json whole = complete(body);
    const auto texts = texts_of(whole);
    ASSERT_EQ(texts.size(), 4U);
    EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()).size(), 4U);
    const auto& choices = *whole["choices"].as_array();
    for (std::size_t i = 1; i < choices.size(); ++i) {
        EXPECT_GE(sum_of(choices[i - 1]), sum_of(choices[i]));
    }
    EXPECT_EQ(whole["usage"].int_or("completion_tokens", 0), 4 * 7);
    EXPECT_EQ(stats().prompt_tokens, whole["usage"].int_or("prompt_tokens", 0));
    Json greedy = body_of(1);
    greedy.set("temperature", 0);
    greedy.set("logprobs", 0);
    const Json one = complete(greedy);
    EXPECT_LE(sum_of(one["choices"].as_array()->front()), sum_of(choices[0]) + 1e-6);
    body.set("n", 1);
    EXPECT_EQ(texts_of(complete(body)), texts_of(one)) << "one beam is the greedy answer";
    body.set("model", "man/1");
    body.set("temperature", 0.5);
    const auto refused = ask(body, "/v1/completions");
    EXPECT_EQ(refused.status, 400);
    EXPECT_TRUE(refused.body.contains("'temperature' does not go with 'use_beam_search'")) << refused.body;
}

TEST_F(ChoicesTest, BeamsOfAChatAndOfManyPrompts) {
    Json talk = chat();
    talk.set("seed", nullptr);
    talk.set("n", 3);
    talk.set("use_beam_search", true);
    const auto response = ask(talk);
    ASSERT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(parse_json(response.body).value()["choices"].as_array()->size(), 3U);
    // More than run at once: the searches of later prompts start when those of earlier ones have ended.
    Json body = body_of(24);
    body.set("use_beam_search", true);
    const auto alone = texts_of(complete(body));
    Json prompts = Json::array();
    for (int i = 0; i < 4; ++i) {
        prompts.push(body["prompt"]);
    }
    body.set("prompt", prompts);
    const auto all = texts_of(complete(body));
    ASSERT_EQ(all.size(), 4 * alone.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i], alone[i % alone.size()]);
    }
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
