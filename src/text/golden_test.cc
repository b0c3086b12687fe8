// Equality with Hugging Face's tokenizers, by the files that tests/golden/text/make_goldens.py wrote.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test_paths.h"
#include "text/bpe_trainer.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"
#include "text/tokenizer_writer.h"

namespace capstan::text {
namespace {

const std::filesystem::path kGoldens = source_directory() / "tests/golden/text";

Json golden(const std::string& name) {
    const auto text = read_file(kGoldens / name);
    EXPECT_TRUE(text) << text.error().message;
    auto json = parse_json(*text);
    EXPECT_TRUE(json) << json.error().message;
    return *json;
}

std::vector<std::int32_t> ids_of(const Json& json) {
    std::vector<std::int32_t> ids;
    for (const Json& id : *json.as_array()) {
        ids.push_back(static_cast<std::int32_t>(*id.as_int()));
    }
    return ids;
}

class TokenizerGolden : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        auto loaded = Tokenizer::load(kGoldens / ("tokenizer_" + GetParam() + ".json"));
        ASSERT_TRUE(loaded) << loaded.error().message;
        tokenizer_.emplace(std::move(*loaded));
        const Json all = golden("encodings.json");
        texts_ = *all["texts"].as_array();
        rows_ = *all["tokenizers"][GetParam()].as_array();
        ASSERT_EQ(texts_.size(), rows_.size());
    }

    std::optional<Tokenizer> tokenizer_;
    Json::Array texts_;
    Json::Array rows_;
};

TEST_P(TokenizerGolden, EncodesToTheSameIds) {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
        const std::string& text = *texts_[i].as_string();
        EXPECT_EQ(tokenizer_->encode(text), ids_of(rows_[i]["ids"])) << texts_[i].dump();
        const bool differs = rows_[i].contains("ids_with_special");
        EXPECT_EQ(
            tokenizer_->encode(text, {.add_special_tokens = true}),
            ids_of(rows_[i][differs ? "ids_with_special" : "ids"])
        ) << texts_[i].dump();
    }
}

TEST_P(TokenizerGolden, DecodesToTheSameText) {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
        const std::string all = rows_[i].string_or("text", *texts_[i].as_string());
        EXPECT_EQ(tokenizer_->decode(ids_of(rows_[i]["ids"]), false), all) << texts_[i].dump();
        EXPECT_EQ(
            tokenizer_->decode(ids_of(rows_[i]["ids"]), true), rows_[i].string_or("text_without_special", all)
        ) << texts_[i].dump();
    }
}

TEST_P(TokenizerGolden, StreamsTheSameTextInWholeCharacters) {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
        const std::vector<std::int32_t> ids = ids_of(rows_[i]["ids"]);
        StreamDecoder decoder(*tokenizer_, false);
        std::string streamed;
        for (const std::int32_t id : ids) {
            streamed += decoder.push(id);
        }
        streamed += decoder.finish();
        EXPECT_EQ(streamed, tokenizer_->decode(ids, false)) << texts_[i].dump();
    }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds,
    TokenizerGolden,
    testing::Values(
        "gpt2",
        "gpt2_prefix",
        "llama3",
        "qwen2",
        "cl100k",
        "cl100k_repeating",
        "o200k",
        "llama2",
        "metaspace",
        "words",
        "clip",
        "splits"
    ),
    [](const auto& info) { return info.param; }
);

class TrainerGolden : public testing::TestWithParam<int> {};

TEST_P(TrainerGolden, MakesTheSameVocabularyAndMerges) {
    const Json training = golden("training.json");
    const Json& settings = (*training["trainings"].as_array())[static_cast<std::size_t>(GetParam())];
    BpeSettings asked{
        .vocabulary_size = static_cast<std::size_t>(settings.int_or("vocab_size", 0)),
        .min_frequency = static_cast<std::uint64_t>(settings.int_or("min_frequency", 0)),
        .special_tokens = {}
    };
    for (const Json& token : *settings["special_tokens"].as_array()) {
        asked.special_tokens.push_back(*token.as_string());
    }
    BpeTrainer trainer(asked);
    for (const Json& text : *training["texts"].as_array()) {
        trainer.add(*text.as_string());
    }
    const auto vocabulary = trainer.train();
    ASSERT_TRUE(vocabulary) << vocabulary.error().message;
    const Json expected = golden("trained_" + std::to_string(GetParam()) + ".json");
    EXPECT_EQ(Json::array_of(vocabulary->tokens), expected["tokens"]);
    Json::Array merges;
    for (const auto& [left, right] : vocabulary->merges) {
        merges.push_back(Json::array({left, right}));
    }
    EXPECT_EQ(Json(merges), expected["merges"]);
}

INSTANTIATE_TEST_SUITE_P(Settings, TrainerGolden, testing::Range(0, 4));

}  // namespace
}  // namespace capstan::text
