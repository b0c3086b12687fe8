// WordPiece, Unigram and SentencePiece: equality with Hugging Face's tokenizers and Google's SentencePiece,
// by the files that tests/golden/text/make_model_goldens.py wrote.

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test_paths.h"
#include "base/utf8.h"
#include "text/sentence_piece_file.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace capstan::text {
namespace {

using Ids = std::vector<std::int32_t>;

const std::filesystem::path kGoldens = source_directory() / "tests/golden/text";

const Json& golden() {
    static const Json json = *parse_json(*read_file(kGoldens / "model_encodings.json"));
    return json;
}

Ids ids_of(const Json& json) {
    Ids ids;
    for (const Json& id : *json.as_array()) {
        ids.push_back(static_cast<std::int32_t>(*id.as_int()));
    }
    return ids;
}

std::string streamed(const Tokenizer& tokenizer, const Ids& ids) {
    StreamDecoder decoder(tokenizer, false);
    std::string text;
    for (const std::int32_t id : ids) {
        text += decoder.push(id);
    }
    return text + decoder.finish();
}

Ids random_ids(std::mt19937& random, std::size_t vocabulary_size) {
    Ids ids(random() % 12);
    for (std::int32_t& id : ids) {
        id = static_cast<std::int32_t>(random() % vocabulary_size);
    }
    return ids;
}

class ModelGolden : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        auto loaded = Tokenizer::load(kGoldens / ("model_" + GetParam() + ".json"));
        ASSERT_TRUE(loaded) << loaded.error().message;
        tokenizer_.emplace(std::move(*loaded));
        texts_ = *golden()["texts"].as_array();
        rows_ = *golden()["tokenizers"][GetParam()]["rows"].as_array();
        ASSERT_EQ(texts_.size(), rows_.size());
    }

    std::optional<Tokenizer> tokenizer_;
    Json::Array texts_;
    Json::Array rows_;
};

TEST_P(ModelGolden, EncodesToTheSameIds) {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
        EXPECT_EQ(tokenizer_->encode(*texts_[i].as_string()), ids_of(rows_[i]["ids"])) << texts_[i].dump();
    }
}

TEST_P(ModelGolden, EncodesPairsToTheSameIdsAndTypes) {
    const Json::Array& pairs = *golden()["pairs"].as_array();
    const Json::Array& expected = *golden()["tokenizers"][GetParam()]["pairs"].as_array();
    ASSERT_EQ(pairs.size(), expected.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const Json::Array& texts = *pairs[i].as_array();
        const EncodedPair pair = tokenizer_->encode_pair(
            *texts[0].as_string(), *texts[1].as_string(), {.add_special_tokens = true}
        );
        EXPECT_EQ(pair.ids, ids_of((*expected[i].as_array())[0])) << pairs[i].dump();
        EXPECT_EQ(pair.type_ids, ids_of((*expected[i].as_array())[1])) << pairs[i].dump();
    }
}

TEST_P(ModelGolden, DecodesToTheSameText) {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
        const std::string all = rows_[i].string_or("text", *texts_[i].as_string());
        EXPECT_EQ(tokenizer_->decode(ids_of(rows_[i]["ids"]), false), all) << texts_[i].dump();
        EXPECT_EQ(
            tokenizer_->decode(tokenizer_->encode(*texts_[i].as_string(), {.add_special_tokens = true})),
            rows_[i].string_or("text_without_special", all)
        ) << texts_[i].dump();
    }
}

TEST_P(ModelGolden, StreamsTheSameTextInWholeCharacters) {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
        const Ids ids = ids_of(rows_[i]["ids"]);
        EXPECT_EQ(streamed(*tokenizer_, ids), tokenizer_->decode(ids, false)) << texts_[i].dump();
    }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds,
    ModelGolden,
    testing::Values("bert", "bert_cased", "bert_accents", "unigram", "unigram_t5", "gemma", "mistral"),
    [](const auto& info) { return info.param; }
);

// Hugging Face marks a whole run of bytes as broken when its end is; a stream cannot take back what came out.
TEST_P(ModelGolden, StreamsAnyIdsWhoseTextIsWhole) {
    std::mt19937 random(11);
    int whole = 0;
    for (int round = 0; round < 500; ++round) {
        const Ids ids = random_ids(random, tokenizer_->vocabulary_size());
        const std::string decoded = tokenizer_->decode(ids, false);
        if (!decoded.contains("\uFFFD")) {
            EXPECT_EQ(streamed(*tokenizer_, ids), decoded);
            whole += 1;
        }
    }
    EXPECT_GT(whole, 50);
}

class SentencePieceGolden : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        const auto bytes = read_file(kGoldens / ("sentence_piece_" + GetParam() + ".model"));
        ASSERT_TRUE(bytes) << bytes.error().message;
        auto file = read_sentence_piece_file(*bytes);
        ASSERT_TRUE(file) << file.error().message;
        auto parts = assemble_sentence_piece(std::move(file->spec));
        ASSERT_TRUE(parts) << parts.error().message;
        tokenizer_.emplace(Tokenizer::assemble(std::move(*parts)));
        texts_ = *golden()["texts"].as_array();
        rows_ = *golden()["sentence_piece"][GetParam()].as_array();
    }

    std::optional<Tokenizer> tokenizer_;
    Json::Array texts_;
    Json::Array rows_;
};

TEST_P(SentencePieceGolden, EncodesToTheSameIds) {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
        EXPECT_EQ(
            tokenizer_->encode(*texts_[i].as_string(), {.parse_special_tokens = false}),
            ids_of(rows_[i]["ids"])
        ) << texts_[i].dump();
    }
}

TEST_P(SentencePieceGolden, DecodesAndStreamsToTheSameText) {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
        const Ids ids = ids_of(rows_[i]["ids"]);
        if (rows_[i].contains("text")) {  // SentencePiece shows unknown tokens in its own way.
            EXPECT_EQ(tokenizer_->decode(ids, false), rows_[i].string_or("text", "")) << texts_[i].dump();
        }
        EXPECT_EQ(streamed(*tokenizer_, ids), tokenizer_->decode(ids, false)) << texts_[i].dump();
    }
}

TEST_P(SentencePieceGolden, StreamsAnyIdsToTheTextThatTheyDecodeTo) {
    std::mt19937 random(12);
    for (int round = 0; round < 2'000; ++round) {
        const Ids ids = random_ids(random, tokenizer_->vocabulary_size());
        EXPECT_EQ(streamed(*tokenizer_, ids), tokenizer_->decode(ids, false));
    }
}

// For constrained generation: what an id adds behind others is the same everywhere.
TEST_P(SentencePieceGolden, BytesOfIdsAreTheTextBehindAnother) {
    const std::int32_t letter = *tokenizer_->id_of("e");
    for (std::size_t i = 0; i < tokenizer_->vocabulary_size(); ++i) {
        const auto id = static_cast<std::int32_t>(i);
        const auto bytes = tokenizer_->bytes_of(id);
        ASSERT_TRUE(bytes) << tokenizer_->token_of(id);
        EXPECT_EQ(tokenizer_->decode(Ids{letter, id}, false), "e" + to_utf8(*bytes));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds,
    SentencePieceGolden,
    testing::Values("unigram", "bpe", "bpe_plain", "unigram_bytes"),
    [](const auto& info) { return info.param; }
);

}  // namespace
}  // namespace capstan::text
