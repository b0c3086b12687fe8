// Texts to vectors and scores: the tokenizer and the model together, against transformers.

#include "engine/client/local_encoder.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/test_paths.h"

namespace capstan::engine {
namespace {

const std::filesystem::path kGolden = source_directory() / "tests/golden/engine";

// The golden model's folder with a tokenizer: words "w5" to "w31" are the tokens 5 to 31.
class LocalEncoderTest : public testing::Test {
protected:
    std::unique_ptr<LocalEncoder> open(const std::string& name) {
        std::filesystem::copy(kGolden / name, folder_, std::filesystem::copy_options::recursive);
        Json vocabulary = Json::object();
        const char* special[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
        Json added = Json::array();
        for (int id = 0; id < 32; ++id) {
            vocabulary.set(id < 5 ? special[id] : "w" + std::to_string(id), id);
            if (id < 5) {
                added.push(Json::object(
                    {{"id", id},
                     {"content", special[id]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}}
                ));
            }
        }
        const Json tokenizer = Json::object(
            {{"added_tokens", added},
             {"normalizer", nullptr},
             {"pre_tokenizer", Json::object({{"type", "BertPreTokenizer"}})},
             {"post_processor",
              Json::object(
                  {{"type", "BertProcessing"},
                   {"sep", Json::array({"[SEP]", 3})},
                   {"cls", Json::array({"[CLS]", 2})}}
              )},
             {"decoder", Json::object({{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}})},
             {"model",
              Json::object(
                  {{"type", "WordPiece"},
                   {"unk_token", "[UNK]"},
                   {"continuing_subword_prefix", "##"},
                   {"max_input_chars_per_word", 100},
                   {"vocab", vocabulary}}
              )}}
        );
        EXPECT_TRUE(replace_file(folder_ / "tokenizer.json", tokenizer.dump()));
        auto encoder = LocalEncoder::open(folder_, 1);
        EXPECT_TRUE(encoder) << encoder.error().message;
        return std::move(*encoder);
    }

    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
};

TEST_F(LocalEncoderTest, AWordAndItsTokensHaveOneVectorOfLengthOne) {
    const auto encoder = open("bert_mean");
    const std::vector<llm::EncoderInput> inputs = {
        std::string("w7 w9"), std::vector<llm::TokenId>{2, 7, 9, 3}, std::string("w8")
    };
    const auto embedded = encoder->embed(inputs, {});
    ASSERT_TRUE(embedded) << embedded.error().message;
    ASSERT_EQ(embedded->vectors.size(), 3U);
    EXPECT_EQ(embedded->vectors[0], embedded->vectors[1]);
    EXPECT_NE(embedded->vectors[0], embedded->vectors[2]);
    EXPECT_EQ(embedded->prompt_tokens, 4 + 4 + 3);
    double squares = 0;
    for (const float value : embedded->vectors[2]) {
        squares += static_cast<double>(value) * static_cast<double>(value);
    }
    EXPECT_NEAR(squares, 1, 1e-5);
    const std::vector<llm::TextPair> pairs = {{"w7 w9", "w7 w9"}, {"w7 w9", "w8"}};
    const auto scored = encoder->score(pairs, {});
    ASSERT_TRUE(scored) << scored.error().message;
    EXPECT_NEAR(scored->scores[0], 1, 1e-5) << "without a score head it is the cosine";
    EXPECT_LT(scored->scores[1], 0.999);
    std::string words;
    for (std::int64_t i = 0; i <= encoder->tokens_max(); ++i) {
        words += "w7 ";
    }
    const std::vector<llm::EncoderInput> many = {words};
    EXPECT_EQ(encoder->embed(many, {}).error().code, ErrorCode::kInvalid);
}

TEST_F(LocalEncoderTest, ACallThatWasGivenUpIsNotComputed) {
    const auto encoder = open("bert_mean");
    const std::vector<llm::EncoderInput> inputs = {std::string("w7 w9")};
    std::stop_source gone;
    gone.request_stop();
    EXPECT_EQ(encoder->embed(inputs, {.stop = gone.get_token()}).error().code, ErrorCode::kCancelled);
    EXPECT_EQ(
        encoder->embed(inputs, {.deadline_at_ms = monotonic_now_ms() - 1}).error().code, ErrorCode::kCancelled
    );
    EXPECT_TRUE(encoder->embed(inputs, {.deadline_at_ms = monotonic_now_ms() + 3'600'000}));
}

TEST_F(LocalEncoderTest, AScoreIsBetweenNoneAndOneAndDependsOnTheOrder) {
    const auto encoder = open("bert_rerank");
    const std::vector<llm::TextPair> pairs = {{"w7 w9", "w8 w11"}, {"w8 w11", "w7 w9"}, {"w7 w9", "w8 w11"}};
    const auto scored = encoder->score(pairs, {});
    ASSERT_TRUE(scored) << scored.error().message;
    ASSERT_EQ(scored->scores.size(), 3U);
    for (const float score : scored->scores) {
        EXPECT_GT(score, 0);
        EXPECT_LT(score, 1);
    }
    EXPECT_NE(scored->scores[0], scored->scores[1]);
    EXPECT_EQ(scored->scores[0], scored->scores[2]);
}

}  // namespace
}  // namespace capstan::engine
