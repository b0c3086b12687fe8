#include "engine/files/random_gguf.h"

#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/id.h"
#include "engine/files/checkpoint.h"
#include "engine/files/dequantise.h"
#include "engine/files/gguf_config.h"

namespace capstan::engine {
namespace {

constexpr LlamaShape kTiny = {
    .name = "tiny",
    .hidden = 256,
    .layers = 8,
    .heads = 4,
    .kv_heads = 2,
    .intermediate = 512,
    .vocabulary = 400,
    .context = 64,
};

class RandomGgufTest : public testing::Test {
protected:
    RandomGgufTest() { std::filesystem::create_directories(directory_); }

    GgufFile write(Mixture mixture, const LlamaShape& shape = kTiny) {
        const auto path = directory_ / "t.gguf";
        const auto written =
            write_random_gguf(path, {.shape = shape, .mixture = mixture, .pool_blocks = 512});
        EXPECT_TRUE(written) << written.error().message;
        auto file = GgufFile::open(path);
        EXPECT_TRUE(file) << file.error().message;
        return std::move(*file);
    }

    std::filesystem::path directory_ = std::filesystem::path(testing::TempDir()) / new_id();
};

TEST_F(RandomGgufTest, WritesNormalWeightsOfEachMixture) {
    for (const auto mixture :
         {Mixture::kF16, Mixture::kBf16, Mixture::kQ8_0, Mixture::kQ4_0, Mixture::kQ4KM}) {
        const GgufFile file = write(mixture);
        const Tensor* tensor = file.find_tensor("blk.7.ffn_down.weight");
        ASSERT_NE(tensor, nullptr);
        std::vector<float> values(static_cast<std::size_t>(tensor->elements()));
        dequantise(tensor->type, tensor->bytes.data(), tensor->elements(), values.data());
        double sum = 0;
        double squares = 0;
        for (const float value : values) {
            sum += value;
            squares += double{value} * value;
        }
        const auto count = static_cast<double>(values.size());
        EXPECT_NEAR(sum / count, 0, 0.001) << name_of(mixture);
        EXPECT_NEAR(std::sqrt(squares / count), 1 / std::sqrt(512.0), 0.001) << name_of(mixture);
    }
}

TEST_F(RandomGgufTest, ChoosesTypesAsLlamaCppDoes) {
    const GgufFile file = write(Mixture::kQ4KM);
    EXPECT_EQ(file.find_tensor("token_embd.weight")->type, DataType::kQ6K);
    EXPECT_EQ(file.find_tensor("blk.0.attn_v.weight")->type, DataType::kQ6K);
    EXPECT_EQ(file.find_tensor("blk.1.ffn_down.weight")->type, DataType::kQ4K);
    EXPECT_EQ(file.find_tensor("blk.3.ffn_down.weight")->type, DataType::kQ6K);
    EXPECT_EQ(file.find_tensor("blk.7.ffn_down.weight")->type, DataType::kQ6K);
    EXPECT_EQ(file.find_tensor("blk.0.attn_q.weight")->type, DataType::kQ4K);
    EXPECT_EQ(file.find_tensor("blk.0.attn_norm.weight")->type, DataType::kF32);
    LlamaShape odd = kTiny;
    odd.hidden = 288;
    odd.heads = 6;
    odd.kv_heads = 6;
    const GgufFile fallback = write(Mixture::kQ4KM, odd);
    EXPECT_EQ(fallback.find_tensor("token_embd.weight")->type, DataType::kQ8_0);
    EXPECT_EQ(fallback.find_tensor("blk.1.attn_q.weight")->type, DataType::kQ5_0);
    EXPECT_EQ(fallback.find_tensor("blk.1.ffn_down.weight")->type, DataType::kQ4K);
}

TEST_F(RandomGgufTest, GivesHeadsSixBitsAndOddRowsBlocksOfThirtyTwo) {
    LlamaShape odd = kTiny;
    odd.hidden = 288;
    odd.heads = 6;
    odd.kv_heads = 6;
    const GgufFile fives = write(Mixture::kQ5KM, odd);
    EXPECT_EQ(fives.find_tensor("blk.1.attn_q.weight")->type, DataType::kQ5_1);
    EXPECT_EQ(fives.find_tensor("blk.1.ffn_down.weight")->type, DataType::kQ5K);
    EXPECT_EQ(fives.find_tensor("blk.3.ffn_down.weight")->type, DataType::kQ6K);
    EXPECT_EQ(write(Mixture::kQ5_0).find_tensor("token_embd.weight")->type, DataType::kQ6K);
    EXPECT_EQ(write(Mixture::kMxfp4).find_tensor("token_embd.weight")->type, DataType::kQ8_0);
    EXPECT_EQ(write(Mixture::kF32).find_tensor("token_embd.weight")->type, DataType::kF32);
    EXPECT_EQ(file_type_of(DataType::kQ5K), file_type_of(Mixture::kQ5KM));
    EXPECT_EQ(file_type_of(DataType::kI8), std::nullopt);
}

TEST_F(RandomGgufTest, IsACheckpointWithAConfigurationAndAVocabulary) {
    const GgufFile file = write(Mixture::kQ8_0);
    const auto config = config_json_of(file);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ((*config)["vocab_size"].as_int(), 400);
    EXPECT_EQ((*config)["tie_word_embeddings"].as_bool(), true);
    EXPECT_EQ((*config)["eos_token_id"].dump(), "[2]");
    const auto checkpoint = Checkpoint::open(directory_);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    EXPECT_EQ(checkpoint->names().size(), 2U + 8U * 9U);
    const auto tokens = file.find("tokenizer.ggml.tokens")->as_strings();
    ASSERT_TRUE(tokens);
    EXPECT_EQ(tokens->size(), 400U);
    EXPECT_EQ((*tokens)[3 + 0x41], "<0x41>");
    EXPECT_EQ(std::ranges::count(*tokens, "a"), 1);
}

TEST_F(RandomGgufTest, HasLlama3sVocabularyForItsSize) {
    LlamaShape shape = kTiny;
    shape.vocabulary = 128'256;
    shape.hidden = 32;
    shape.heads = 1;
    shape.kv_heads = 1;
    shape.layers = 1;
    const GgufFile file = write(Mixture::kQ8_0, shape);
    const auto tokens = *file.find("tokenizer.ggml.tokens")->as_strings();
    ASSERT_EQ(tokens.size(), 128'256U);
    EXPECT_EQ(tokens[128'000], "<|begin_of_text|>");
    EXPECT_EQ(std::set(tokens.begin(), tokens.end()).size(), tokens.size());
    // Each merge makes the token behind the alphabet's 256.
    const auto merges = *file.find("tokenizer.ggml.merges")->as_strings();
    ASSERT_EQ(merges.size(), 128'000U - 256U);
    for (std::size_t i = 0; i < merges.size(); i += 97) {
        std::string merged(merges[i]);
        merged.erase(merged.find(' '), 1);
        EXPECT_EQ(merged, tokens[256 + i]);
    }
}

TEST_F(RandomGgufTest, KnowsTheShapesOfTheBenchmarks) {
    EXPECT_EQ(find_llama_shape("1.2B")->hidden, 2'048);
    EXPECT_EQ(find_llama_shape("3T"), std::nullopt);
    EXPECT_EQ(parse_mixture("Q4_K_M"), Mixture::kQ4KM);
    EXPECT_EQ(parse_mixture("Q9"), std::nullopt);
}

}  // namespace
}  // namespace capstan::engine
