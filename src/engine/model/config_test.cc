#include "engine/model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string config_with(std::string_view members) {
    return R"({"architectures":["LlamaForCausalLM"],"vocab_size":100,"hidden_size":64,"intermediate_size":96,)"
           R"("num_hidden_layers":2,"num_attention_heads":4)" +
           std::string(members) + "}";
}

std::string refusal(std::string_view members) {
    const auto config = parse_config(config_with(members));
    EXPECT_FALSE(config) << members;
    return config ? "" : config.error().message;
}

TEST(Config, FillsInLlamasDefaults) {
    const auto config = parse_config(config_with(""));
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->kv_heads, 4);
    EXPECT_EQ(config->head_dim, 16);
    EXPECT_EQ(config->positions_max, 2048);
    EXPECT_EQ(config->norm_epsilon, 1e-6);
    EXPECT_EQ(config->rope.theta, 10'000);
    EXPECT_FALSE(config->tied_embeddings);
    EXPECT_FALSE(config->bos);
    EXPECT_TRUE(config->end_tokens.empty());
}

TEST(Config, ReadsOneEndTokenOrAListOfThem) {
    EXPECT_THAT(parse_config(config_with(R"(,"eos_token_id":7)"))->end_tokens, ElementsAre(7));
    EXPECT_THAT(parse_config(config_with(R"(,"eos_token_id":[9,7,9])"))->end_tokens, ElementsAre(7, 9));
}

TEST(Config, AddsTheEndTokensOfTheGenerationConfig) {
    auto config = parse_config(config_with(R"(,"eos_token_id":7)"));
    ASSERT_TRUE(merge_generation_config(R"({"eos_token_id":[4,7]})", *config));
    EXPECT_THAT(config->end_tokens, ElementsAre(4, 7));
    EXPECT_FALSE(merge_generation_config(R"({"eos_token_id":100})", *config));
    EXPECT_FALSE(merge_generation_config("[", *config));
}

TEST(Config, ReadsRopeFromOldAndNewKeys) {
    const auto old = parse_config(config_with(
        R"(,"rope_theta":5e5,"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,)"
        R"("high_freq_factor":4,"original_max_position_embeddings":32})"
    ));
    const auto renewed = parse_config(config_with(
        R"(,"rope_parameters":{"rope_theta":5e5,"rope_type":"llama3","factor":8,"low_freq_factor":1,)"
        R"("high_freq_factor":4,"original_max_position_embeddings":32})"
    ));
    ASSERT_TRUE(old && renewed);
    for (const auto& config : {*old, *renewed}) {
        EXPECT_EQ(config.rope.theta, 5e5);
        EXPECT_EQ(config.rope.scaling, RopeScaling::kLlama3);
        EXPECT_EQ(config.rope.factor, 8);
        EXPECT_EQ(config.rope.original_positions_max, 32);
    }
    const auto plain =
        parse_config(config_with(R"(,"rope_parameters":{"rope_theta":2e4,"rope_type":"default"})"));
    EXPECT_EQ(plain->rope.theta, 2e4);
    EXPECT_EQ(plain->rope.scaling, RopeScaling::kNone);
}

TEST(Config, NamesTheKeyThatIsWrong) {
    EXPECT_THAT(refusal(R"(,"vocab_size2":1,"num_key_value_heads":3)"), HasSubstr("num_key_value_heads"));
    EXPECT_THAT(refusal(R"(,"num_key_value_heads":0)"), HasSubstr("num_key_value_heads"));
    EXPECT_THAT(refusal(R"(,"head_dim":15)"), HasSubstr("head_dim"));
    EXPECT_THAT(refusal(R"(,"head_dim":1000000)"), HasSubstr("head_dim"));
    EXPECT_THAT(refusal(R"(,"max_position_embeddings":-1)"), HasSubstr("max_position_embeddings"));
    EXPECT_THAT(refusal(R"(,"rms_norm_eps":"small")"), HasSubstr("rms_norm_eps"));
    EXPECT_THAT(refusal(R"(,"tie_word_embeddings":1)"), HasSubstr("tie_word_embeddings"));
    EXPECT_THAT(refusal(R"(,"eos_token_id":100)"), HasSubstr("eos_token_id"));
    EXPECT_THAT(refusal(R"(,"eos_token_id":[1,-1])"), HasSubstr("eos_token_id"));
    EXPECT_THAT(refusal(R"(,"bos_token_id":100)"), HasSubstr("bos_token_id"));
    EXPECT_THAT(refusal(R"(,"rope_theta":0)"), HasSubstr("rope_theta"));
    EXPECT_THAT(refusal(R"(,"rope_scaling":{"rope_type":"yarn","factor":2})"), HasSubstr("yarn"));
    EXPECT_THAT(refusal(R"(,"rope_scaling":{"rope_type":"linear"})"), HasSubstr("factor"));
    EXPECT_THAT(refusal(R"(,"rope_scaling":3)"), HasSubstr("rope_scaling"));
    EXPECT_THAT(refusal(R"(,"quantization_config":{"bits":4})"), HasSubstr("quantization_config"));
    EXPECT_THAT(refusal(R"(,"hidden_act":"gelu")"), HasSubstr("hidden_act"));
}

TEST(Config, RefusesOtherArchitecturesAndBrokenJson) {
    EXPECT_THAT(
        parse_config(R"({"architectures":["MambaForCausalLM"]})").error().message, HasSubstr("Mamba")
    );
    EXPECT_THAT(parse_config(R"({"model_type":"gpt2"})").error().message, HasSubstr("model_type"));
    EXPECT_FALSE(parse_config("[]"));
    EXPECT_FALSE(parse_config("{"));
    EXPECT_FALSE(parse_config(std::string(1000, '[')));
    EXPECT_TRUE(parse_config(R"({"model_type":"llama"})"));
}

TEST(Config, ReadsADirectoryAndNamesTheFile) {
    const std::filesystem::path golden = CAPSTAN_SOURCE_DIR "/tests/golden/engine";
    const auto config = read_config(golden / "llama3_bf16");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_THAT(config->end_tokens, ElementsAre(2, 3));
    EXPECT_EQ(config->bos, 1);
    EXPECT_THAT(read_config(golden / "nothing").error().message, HasSubstr("config.json"));
}

}  // namespace
}  // namespace capstan::engine
