// Embeddings, reranking and scores over a router, in front of an encoder that says what is known.

#include "serving/encoder_routes.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/json.h"
#include "platform/http/client.h"
#include "platform/http/server.h"
#include "platform/http/test_peer.h"

namespace capstan::serving {
namespace {

// A text's vector is its length and 4; a pair's score is the second's length over 100.
class LengthEncoder final : public llm::EncoderClient {
public:
    Result<llm::Embeddings> embed(std::span<const llm::EncoderInput> inputs, const llm::EncoderCall& call)
        override {
        if (inputs.size() == 1 && inputs.front() == llm::EncoderInput("forever")) {
            return wait_for_the_end(call);
        }
        llm::Embeddings all;
        for (const auto& input : inputs) {
            const auto size = std::visit([](const auto& value) { return value.size(); }, input);
            if (size > 9) {
                return Error{ErrorCode::kInvalid, "too long"};
            }
            all.vectors.push_back({static_cast<float>(size), 4});
            all.prompt_tokens += static_cast<std::int64_t>(size);
        }
        return all;
    }

    Result<llm::PairScores> score(std::span<const llm::TextPair> pairs, const llm::EncoderCall& /*short*/)
        override {
        llm::PairScores all;
        for (const auto& pair : pairs) {
            all.scores.push_back(static_cast<float>(pair.second.size()) / 100);
            all.prompt_tokens += 2;
        }
        return all;
    }

    std::int64_t tokens_max() const override { return 9; }

    std::atomic<int> begun = 0;
    std::atomic<int> stopped = 0;  // By their callers.

private:
    Result<llm::Embeddings> wait_for_the_end(const llm::EncoderCall& call) {
        ++begun;
        while (!call.stop.stop_requested() && monotonic_now_ms() < call.deadline_at_ms) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        stopped += call.stop.stop_requested() ? 1 : 0;
        return Error{ErrorCode::kCancelled, "given up"};
    }
};

class EncoderRoutesTest : public testing::Test {
protected:
    EncoderRoutesTest() {
        add_encoder_routes(router_, {.encoder = encoder_, .name = "e5"});
        http::ServerOptions options;
        options.has_access_log = false;
        server_ = http::Server::start(options, router_).value();
    }

    http::ClientResponse ask(std::string_view path, std::string_view body) {
        return client_.post_json(server_->url() + std::string(path), std::string(body)).value();
    }

    Json answer(std::string_view path, std::string_view body) {
        const auto response = ask(path, body);
        EXPECT_EQ(response.status, 200) << response.body;
        return parse_json(response.body).value();
    }

    LengthEncoder encoder_;
    http::Router router_;
    http::Client client_;
    std::unique_ptr<http::Server> server_;
};

TEST_F(EncoderRoutesTest, WorkStopsWhenItsCallerLeaves) {
    http::TestPeer peer(server_->port());
    const std::string body = R"({"model":"e5","input":"forever"})";
    peer.send(
        "POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body
    );
    while (encoder_.begun == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    peer.close();
    while (encoder_.stopped == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

TEST_F(EncoderRoutesTest, ACallEndsAtItsDeadline) {
    const auto late = ask("/v1/embeddings", R"({"model":"e5","input":"forever","timeout_ms":5})");
    EXPECT_EQ(late.status, 504);
    EXPECT_TRUE(late.body.contains("not complete after 5 ms")) << late.body;
    EXPECT_EQ(ask("/v1/embeddings", R"({"input":"a","timeout_ms":0})").status, 400);
    EXPECT_EQ(encoder_.stopped, 0);
}

TEST_F(EncoderRoutesTest, EmbedsOneInputOrManyAsTextOrTokens) {
    const auto count = [&](std::string_view input) {
        const Json json = answer("/v1/embeddings", R"({"model":"e5","input":)" + std::string(input) + "}");
        return json["data"].as_array()->size();
    };
    EXPECT_EQ(count(R"("abc")"), 1U);
    EXPECT_EQ(count(R"(["abc","d"])"), 2U);
    EXPECT_EQ(count("[1,2,3]"), 1U);
    EXPECT_EQ(count("[[1,2],[3],[4]]"), 3U);
    const Json json = answer("/v1/embeddings", R"({"model":"e5","input":["abc","d"]})");
    const Json& second = (*json["data"].as_array())[1];
    EXPECT_EQ(second.dump(), R"({"object":"embedding","index":1,"embedding":[1.0,4.0]})");
    EXPECT_EQ(json["usage"].int_or("total_tokens", 0), 4);
}

TEST_F(EncoderRoutesTest, WritesBase64AndFewerDimensions) {
    const auto embedding = [&](std::string_view more) {
        const Json json =
            answer("/v1/embeddings", R"({"model":"e5","input":"abc")" + std::string(more) + "}");
        return json["data"].as_array()->front()["embedding"];
    };
    EXPECT_EQ(embedding(R"(,"encoding_format":"base64")").dump(), R"("AABAQAAAgEA=")");  // 3 and 4.
    EXPECT_EQ(embedding(R"(,"dimensions":1)").dump(), "[1.0]");
    EXPECT_EQ(embedding(R"(,"dimensions":1,"encoding_format":"base64")").dump(), R"("AACAPw==")");
    EXPECT_EQ(embedding(R"(,"dimensions":2)").dump(), "[3.0,4.0]");
}

TEST_F(EncoderRoutesTest, NamesWhatIsWrong) {
    for (const auto& [body, word] : std::vector<std::pair<std::string, std::string>>{
             {R"({"model":"e5"})", "'input'"},
             {R"({"model":"e5","input":[]})", "'input'"},
             {R"({"model":"e5","input":["a",[]]})", "'input'"},
             {R"({"model":"e5","input":[-1]})", "'input'"},
             {R"({"model":"e5","input":"a","dimensions":3})", "'dimensions'"},
             {R"({"model":"e5","input":"a","dimensions":0})", "'dimensions'"},
             {R"({"model":"e5","input":"a","encoding_format":"hex"})", "'encoding_format'"},
             {R"({"model":"e5","input":"0123456789"})", "too long"},
             {R"([])", "object"},
         }) {
        const auto response = ask("/v1/embeddings", body);
        EXPECT_EQ(response.status, 400) << body;
        EXPECT_TRUE(response.body.contains(word)) << response.body;
    }
    EXPECT_EQ(ask("/v1/embeddings", R"({"model":"e6","input":"a"})").status, 404);
    EXPECT_EQ(ask("/rerank", R"({"query":7,"documents":["a"]})").status, 400);
    EXPECT_EQ(ask("/rerank", R"({"query":"a","documents":[7]})").status, 400);
    EXPECT_EQ(ask("/score", R"({"text_1":["a","b"],"text_2":["c"]})").status, 400);
}

TEST_F(EncoderRoutesTest, RanksDocumentsTheBestFirst) {
    const Json json = answer(
        "/v1/rerank", R"({"model":"e5","query":"q","documents":["a",{"text":"abc"},"ab","abc"],"top_n":3})"
    );
    const auto& results = *json["results"].as_array();
    ASSERT_EQ(results.size(), 3U);
    EXPECT_EQ(results[0].int_or("index", -1), 1);
    EXPECT_EQ(results[1].int_or("index", -1), 3) << "equal ones in their order";
    EXPECT_EQ(results[2].int_or("index", -1), 2);
    EXPECT_EQ(results[0]["document"].string_or("text", ""), "abc");
    EXPECT_FLOAT_EQ(static_cast<float>(results[2].double_or("relevance_score", 0)), 0.02F);
    EXPECT_EQ(json["usage"].int_or("total_tokens", 0), 8);
}

TEST_F(EncoderRoutesTest, ScoresOneTextWithManyOrInPairs) {
    const Json one = answer("/v1/score", R"({"model":"e5","text_1":"q","text_2":["a","ab"]})");
    EXPECT_EQ(one["data"].as_array()->size(), 2U);
    const Json pairs = answer("/score", R"({"model":"e5","queries":["q","r"],"documents":["a","ab"]})");
    EXPECT_FLOAT_EQ(static_cast<float>((*pairs["data"].as_array())[1].double_or("score", 0)), 0.02F);
}

}  // namespace
}  // namespace capstan::serving
