// Encoders against transformers (tests/golden/engine/make_encoder_goldens.py), and against themselves in
// other company, where not a bit may differ.

#include "engine/model/encoder_model.h"

#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/file.h"
#include "base/id.h"
#include "base/test_paths.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGolden = source_directory() / "tests/golden/engine";

struct Golden {
    std::unique_ptr<EncoderModel> model;
    std::vector<std::vector<llm::TokenId>> tokens;
    std::vector<std::vector<llm::TokenId>> types;
    std::vector<std::vector<float>> results;

    static Golden open(
        const std::string& name,
        const std::string& result,
        int threads = 1,
        kernels::PackAs as = kernels::PackAs::kStored
    ) {
        auto model = EncoderModel::open(kGolden / name, threads, as);
        CHECK(model, model.error().message);
        const auto file = SafetensorsFile::open(kGolden / name / "golden.safetensors");
        CHECK(file, file.error().message);
        Golden golden = {.model = std::move(*model)};
        for (int i = 0; i < 3; ++i) {
            golden.tokens.push_back(read<llm::TokenId>(*file->find(fmt::format("tokens.{}", i))));
            golden.types.push_back(read<llm::TokenId>(*file->find(fmt::format("types.{}", i))));
            golden.results.push_back(read<float>(*file->find(fmt::format("{}.{}", result, i))));
        }
        return golden;
    }

    EncoderText text(std::size_t i) const { return {.tokens = tokens[i], .types = types[i]}; }

    std::vector<EncoderText> texts() const { return {text(0), text(1), text(2)}; }

private:
    template <typename T>
    static std::vector<T> read(const Tensor& tensor) {
        std::vector<T> values(tensor.bytes.size() / sizeof(T));
        std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
        return values;
    }
};

// In float32, and with weights of 16 bits that meet inputs of 14 (kernels/linear.h).
struct Precision {
    kernels::PackAs as;
    float tolerance;
};

class EncoderPrecision : public testing::TestWithParam<Precision> {};

TEST_P(EncoderPrecision, EmbeddingsEqualTransformers) {
    for (const std::string name : {"bert_mean", "roberta_cls"}) {
        const Golden golden = Golden::open(name, "embedding", 1, GetParam().as);
        EXPECT_FALSE(golden.model->can_score());
        const auto vectors = golden.model->embed(golden.texts());
        ASSERT_TRUE(vectors) << vectors.error().message;
        const auto size = static_cast<std::size_t>(golden.model->dimensions());
        ASSERT_EQ(vectors->size(), 3 * size);
        for (std::size_t i = 0; i < vectors->size(); ++i) {
            EXPECT_NEAR((*vectors)[i], golden.results[i / size][i % size], GetParam().tolerance) << name;
        }
    }
}

TEST_P(EncoderPrecision, ScoresEqualTransformers) {
    for (const std::string name : {"bert_rerank", "roberta_rerank"}) {
        const Golden golden = Golden::open(name, "score", 1, GetParam().as);
        const auto scores = golden.model->score(golden.texts());
        ASSERT_TRUE(scores) << scores.error().message;
        for (std::size_t i = 0; i < 3; ++i) {
            EXPECT_NEAR((*scores)[i], golden.results[i][0], GetParam().tolerance) << name;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Models,
    EncoderPrecision,
    testing::Values(
        Precision{.as = kernels::PackAs::kFloat, .tolerance = 1e-5F},
        Precision{.as = kernels::PackAs::kStored, .tolerance = 5e-3F}
    ),
    [](const auto& info) { return info.index == 0 ? "float32" : "stored"; }
);

TEST(EncoderModel, OtherTextsAndThreadsDoNotChangeABit) {
    const Golden one = Golden::open("bert_mean", "embedding");
    const Golden three = Golden::open("bert_mean", "embedding", 3);
    // Over the size of a part, so that texts meet several others.
    std::vector<EncoderText> many;
    for (std::size_t i = 0; i < 400; ++i) {
        many.push_back(one.text(i % 3));
    }
    const auto together = *three.model->embed(many);
    const auto size = static_cast<std::size_t>(one.model->dimensions());
    for (std::size_t i = 0; i < 3; ++i) {
        const std::vector<EncoderText> single = {one.text(i)};
        const auto alone = *one.model->embed(single);
        for (std::size_t copy = i; copy < many.size(); copy += 3) {
            const auto vector = std::span(together).subspan(copy * size, size);
            ASSERT_EQ(std::vector<float>(vector.begin(), vector.end()), alone) << copy;
        }
    }
    EXPECT_TRUE(one.model->embed({})->empty());
}

TEST(EncoderModel, RefusesTextsThatItCannotRead) {
    const Golden golden = Golden::open("bert_mean", "embedding");
    const auto refusal = [&](std::vector<llm::TokenId> tokens, std::vector<llm::TokenId> types) {
        const std::vector<EncoderText> texts = {golden.text(0), {.tokens = tokens, .types = types}};
        const auto result = golden.model->embed(texts);
        EXPECT_FALSE(result);
        return result ? "" : result.error().message;
    };
    EXPECT_THAT(refusal({}, {}), HasSubstr("text 1 has 0 tokens"));
    EXPECT_THAT(refusal(std::vector<llm::TokenId>(33, 5), {}), HasSubstr("33 tokens; 1 to 32"));
    EXPECT_THAT(refusal({48}, {}), HasSubstr("token that the model lacks"));
    EXPECT_THAT(refusal({-1}, {}), HasSubstr("token that the model lacks"));
    EXPECT_THAT(refusal({4, 5}, {0}), HasSubstr("type"));
    EXPECT_THAT(refusal({4}, {2}), HasSubstr("type"));
    EXPECT_THAT(golden.model->score(golden.texts()).error().message, HasSubstr("no head"));
}

TEST(EncoderConfig, ReadsWhatTheModelIs) {
    const auto bert = read_encoder_config(kGolden / "bert_mean");
    ASSERT_TRUE(bert) << bert.error().message;
    EXPECT_EQ(bert->pooling, Pooling::kMean);
    EXPECT_TRUE(bert->normalises);
    EXPECT_EQ(bert->tokens_max, 32);
    const auto roberta = read_encoder_config(kGolden / "roberta_cls");
    ASSERT_TRUE(roberta) << roberta.error().message;
    EXPECT_EQ(roberta->pooling, Pooling::kFirst);
    EXPECT_FALSE(roberta->normalises);
    EXPECT_EQ(roberta->position_offset, 2);
    EXPECT_EQ(roberta->tokens_max, 30);
}

TEST(EncoderConfig, RefusesByNameWhatItCannotBe) {
    const auto refusal = [](std::string_view members) {
        const auto config =
            parse_encoder_config(*parse_json(fmt::format(R"({{"architectures":["{}}})", members)));
        EXPECT_FALSE(config) << members;
        return config ? "" : config.error().message;
    };
    EXPECT_THAT(refusal(R"(LlamaForCausalLM"])"), HasSubstr("XLMRobertaModel"));
    EXPECT_THAT(refusal(R"(BertModel"],"num_attention_heads":7)"), HasSubstr("num_attention_heads"));
    EXPECT_THAT(
        refusal(R"(BertModel"],"position_embedding_type":"relative_key")"), HasSubstr("relative_key")
    );
    EXPECT_THAT(refusal(R"(BertForSequenceClassification"])"), HasSubstr("id2label"));
    EXPECT_THAT(refusal(R"(RobertaModel"],"max_position_embeddings":2)"), HasSubstr("max_position"));
    EXPECT_FALSE(
        parse_pooling(*parse_json(R"({"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":true})"))
    );
    EXPECT_FALSE(parse_pooling(*parse_json(R"({"pooling_mode_weightedmean_tokens":true})")));
}

TEST(EncoderConfig, ModulesThatItCannotRunAreRefused) {
    const auto directory = std::filesystem::path(testing::TempDir()) / new_id();
    const auto refusal = [&](std::string_view modules) {
        EXPECT_TRUE(replace_file(directory / "modules.json", modules));
        EncoderConfig config;
        const auto result = read_modules(directory, config);
        EXPECT_FALSE(result) << modules;
        return result ? "" : result.error().message;
    };
    EXPECT_THAT(refusal(R"([{"type":"sentence_transformers.models.Dense"}])"), HasSubstr("Dense"));
    EXPECT_THAT(
        refusal(R"([{"type":"sentence_transformers.models.Pooling","path":"../x"}])"), HasSubstr("path")
    );
    EXPECT_THAT(
        refusal(R"([{"type":"sentence_transformers.models.Pooling","path":"1_Pooling"}])"),
        HasSubstr("1_Pooling")
    );
    EXPECT_THAT(refusal("{}"), HasSubstr("list"));
}

}  // namespace
}  // namespace capstan::engine
