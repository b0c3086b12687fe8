#include "engine/files/gguf_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/id.h"
#include "engine/files/checkpoint.h"
#include "engine/files/gguf_config.h"
#include "engine/files/gguf_writer.h"

namespace capstan::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class GgufNamesTest : public testing::Test {
protected:
    GgufNamesTest() { std::filesystem::create_directories(directory_); }

    // Tensors of float32, numbered through from 0.
    GgufFile write(const GgufMetadata& metadata, const std::vector<GgufTensorPlan>& plan) {
        auto writer = GgufWriter::open(path_, metadata, plan);
        EXPECT_TRUE(writer) << writer.error().message;
        for (const GgufTensorPlan& tensor : plan) {
            std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
            for (std::size_t i = 0; i < values.size(); ++i) {
                values[i] = static_cast<float>(i);
            }
            EXPECT_TRUE(writer->write(std::as_bytes(std::span(values))));
        }
        EXPECT_TRUE(writer->finish());
        auto file = GgufFile::open(path_);
        EXPECT_TRUE(file) << file.error().message;
        return std::move(*file);
    }

    static GgufTensorPlan plain(std::string_view name, std::vector<std::int64_t> shape) {
        return {.name = std::string(name), .type = DataType::kF32, .shape = std::move(shape)};
    }

    static GgufMetadata metadata_of(const std::string& architecture) {
        GgufMetadata metadata;
        metadata.add("general.architecture", architecture);
        metadata.add(architecture + ".block_count", 2U);
        metadata.add(architecture + ".embedding_length", 8U);
        metadata.add(architecture + ".feed_forward_length", 12U);
        metadata.add(architecture + ".context_length", 64U);
        metadata.add(architecture + ".attention.head_count", 4U);
        metadata.add(architecture + ".attention.head_count_kv", 2U);
        metadata.add(architecture + ".attention.layer_norm_rms_epsilon", 1e-5F);
        metadata.add(architecture + ".rope.freq_base", 5e5F);
        return metadata;
    }

    std::filesystem::path directory_ = std::filesystem::path(testing::TempDir()) / new_id();
    std::filesystem::path path_ = directory_ / "t.gguf";
};

TEST_F(GgufNamesTest, GivesLlamasTensorsTheirNamesAndRowOrder) {
    write(
        metadata_of("llama"),
        {plain("token_embd.weight", {10, 8}),
         plain("output_norm.weight", {8}),
         plain("output.weight", {10, 8}),
         plain("rope_freqs.weight", {1}),
         plain("blk.1.attn_q.weight", {16, 8}),
         plain("blk.1.attn_k.weight", {8, 8}),
         plain("blk.1.ffn_down.weight", {8, 12}),
         plain("blk.1.something.weight", {8})}
    );
    auto opened = Checkpoint::open(path_);
    ASSERT_TRUE(opened) << opened.error().message;
    const Checkpoint checkpoint = std::move(*opened);
    EXPECT_THAT(
        checkpoint.names(),
        ElementsAre(
            "blk.1.something.weight",
            "lm_head.weight",
            "model.embed_tokens.weight",
            "model.layers.1.mlp.down_proj.weight",
            "model.layers.1.self_attn.k_proj.weight",
            "model.layers.1.self_attn.q_proj.weight",
            "model.norm.weight"
        )
    );
    const Tensor* query = checkpoint.find("model.layers.1.self_attn.q_proj.weight");
    ASSERT_NE(query, nullptr);
    EXPECT_EQ(query->interleaved_heads, 4);
    // Heads of four rows: Hugging Face's 0, 1, 2, 3 are stored as 0, 2, 1, 3.
    std::vector<std::int64_t> stored;
    for (std::int64_t row = 0; row < 8; ++row) {
        stored.push_back(stored_row(*query, row));
    }
    EXPECT_THAT(stored, ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
    EXPECT_EQ(checkpoint.find("model.layers.1.self_attn.k_proj.weight")->interleaved_heads, 2);
    EXPECT_EQ(stored_row(*checkpoint.find("lm_head.weight"), 7), 7);
    EXPECT_NE(checkpoint.gguf(), nullptr);
}

TEST_F(GgufNamesTest, CutsExpertsApart) {
    GgufMetadata metadata = metadata_of("llama");
    metadata.add("llama.expert_count", 3U);
    metadata.add("llama.expert_used_count", 2U);
    const GgufFile file = write(
        metadata, {plain("blk.0.ffn_gate_inp.weight", {3, 8}), plain("blk.0.ffn_up_exps.weight", {3, 12, 8})}
    );
    const auto tensors = hugging_face_tensors(file);
    ASSERT_TRUE(tensors) << tensors.error().message;
    EXPECT_EQ(tensors->size(), 4U);
    EXPECT_TRUE(tensors->contains("model.layers.0.block_sparse_moe.gate.weight"));
    const Tensor& second = tensors->at("model.layers.0.block_sparse_moe.experts.1.w3.weight");
    EXPECT_THAT(second.shape, ElementsAre(12, 8));
    EXPECT_EQ(weight_at(second.bytes.data(), second.type, 0), 96);
    const auto config = config_json_of(file);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ((*config)["architectures"].dump(), R"(["MixtralForCausalLM"])");
    EXPECT_EQ((*config)["num_local_experts"].as_int(), 3);
}

TEST_F(GgufNamesTest, SaysWhatIsStoredOtherwise) {
    const GgufFile gemma = write(
        metadata_of("gemma2"),
        {plain("output_norm.weight", {8}),
         plain("blk.0.ffn_norm.weight", {8}),
         plain("blk.0.attn_q.weight", {16, 8})}
    );
    const auto norms = hugging_face_tensors(gemma);
    ASSERT_TRUE(norms) << norms.error().message;
    EXPECT_EQ(norms->at("model.norm.weight").offset, 1);
    EXPECT_EQ(norms->at("model.layers.0.pre_feedforward_layernorm.weight").offset, 1);
    EXPECT_EQ(norms->at("model.layers.0.self_attn.q_proj.weight").interleaved_heads, 0);
    const GgufFile gpt2 = write(
        metadata_of("gpt2"), {plain("blk.0.attn_qkv.weight", {24, 8}), plain("blk.0.attn_qkv.bias", {24})}
    );
    const auto convolutions = hugging_face_tensors(gpt2);
    ASSERT_TRUE(convolutions) << convolutions.error().message;
    EXPECT_TRUE(convolutions->at("transformer.h.0.attn.c_attn.weight").is_transposed);
    EXPECT_FALSE(convolutions->at("transformer.h.0.attn.c_attn.bias").is_transposed);
}

TEST_F(GgufNamesTest, RefusesWhatContradictsTheMetadata) {
    const GgufFile odd = write(metadata_of("llama"), {plain("blk.0.attn_q.weight", {7, 8})});
    EXPECT_THAT(hugging_face_tensors(odd).error().message, HasSubstr("'blk.0.attn_q.weight': 7 rows"));
    const GgufFile many = write(metadata_of("llama"), {plain("blk.0.ffn_up_exps.weight", {5'000, 1, 1})});
    EXPECT_THAT(hugging_face_tensors(many).error().message, HasSubstr("5000 experts"));
    const GgufFile unknown = write(metadata_of("mamba"), {});
    EXPECT_THAT(hugging_face_tensors(unknown).error().message, HasSubstr("'mamba'"));
    EXPECT_THAT(config_json_of(unknown).error().message, HasSubstr("'mamba'"));
}

TEST_F(GgufNamesTest, SaysAllThatAConfigurationNeeds) {
    GgufMetadata metadata = metadata_of("llama");
    metadata.add("llama.rope.dimension_count", 2U);
    metadata.add("tokenizer.ggml.bos_token_id", 1U);
    metadata.add("tokenizer.ggml.eos_token_id", 2U);
    metadata.add("tokenizer.ggml.eot_token_id", 5U);
    const GgufFile file =
        write(metadata, {plain("token_embd.weight", {10, 8}), plain("rope_freqs.weight", {1})});
    const auto config = config_json_of(file);
    ASSERT_TRUE(config) << config.error().message;
    const auto expected = parse_json(R"({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8,
        "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-05, "vocab_size": 10, "tie_word_embeddings": true,
        "head_dim": 2, "rope_theta": 500000,
        "rope_scaling": {"rope_type": "longrope", "long_factor": [0.0], "short_factor": [0.0],
                         "attention_factor": 1.0},
        "attention_bias": false, "mlp_bias": false, "bos_token_id": 1, "eos_token_id": [2, 5]})");
    ASSERT_TRUE(expected);
    EXPECT_EQ(config->dump(), expected->dump());
}

TEST_F(GgufNamesTest, ReadsANumberForEachLayerWhenTheyAreEqual) {
    GgufMetadata metadata;
    metadata.add("general.architecture", "qwen3");
    const std::vector<std::int32_t> equal = {4, 4};
    const std::vector<std::int32_t> unequal = {2, 4};
    metadata.add("qwen3.attention.head_count", equal);
    const auto config = config_json_of(write(metadata, {}));
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ((*config)["num_attention_heads"].as_int(), 4);
    metadata.add("qwen3.attention.head_count_kv", unequal);
    EXPECT_THAT(
        config_json_of(write(metadata, {})).error().message, HasSubstr("'qwen3.attention.head_count_kv'")
    );
}

TEST_F(GgufNamesTest, FindsTheOnlyFileOfADirectory) {
    write(metadata_of("llama"), {});
    EXPECT_EQ(find_gguf(directory_), path_);
    EXPECT_EQ(find_gguf(path_), path_);
    EXPECT_TRUE(Checkpoint::open(directory_));
    std::filesystem::copy_file(path_, directory_ / "other.gguf");
    EXPECT_EQ(find_gguf(directory_), std::nullopt);
    EXPECT_THAT(Checkpoint::open(directory_).error().message, HasSubstr("nor one GGUF file"));
}

}  // namespace
}  // namespace capstan::engine
