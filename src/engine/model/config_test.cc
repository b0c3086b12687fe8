#include "engine/model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_paths.h"

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
    EXPECT_THAT(refusal(R"(,"rope_scaling":{"rope_type":"ntk","factor":2})"), HasSubstr("ntk"));
    EXPECT_THAT(refusal(R"(,"rope_scaling":{"rope_type":"linear"})"), HasSubstr("factor"));
    EXPECT_THAT(refusal(R"(,"rope_scaling":3)"), HasSubstr("rope_scaling"));
    EXPECT_THAT(refusal(R"(,"quantization_config":{"bits":4})"), HasSubstr("quantization_config"));
    EXPECT_THAT(refusal(R"(,"hidden_act":"relu")"), HasSubstr("hidden_act"));
}

TEST(Config, RefusesOtherArchitecturesAndBrokenJson) {
    EXPECT_THAT(
        parse_config(R"({"architectures":["MambaForCausalLM"]})").error().message, HasSubstr("Mamba")
    );
    EXPECT_THAT(parse_config(R"({"model_type":"mamba"})").error().message, HasSubstr("model_type"));
    EXPECT_FALSE(parse_config("[]"));
    EXPECT_FALSE(parse_config("{"));
    EXPECT_FALSE(parse_config(std::string(1000, '[')));
    EXPECT_TRUE(parse_config(R"({"model_type":"llama"})"));
}

TEST(Config, AnUnknownArchitectureIsRefusedWithTheKnownOnes) {
    const std::string message = parse_config(R"({"architectures":["BloomForCausalLM"]})").error().message;
    for (const auto* part :
         {"BloomForCausalLM", "LlamaForCausalLM", "Gemma3ForCausalLM", "GPT2LMHeadModel"}) {
        EXPECT_THAT(message, HasSubstr(part));
    }
}

TEST(Config, WindowsFollowEachFamilysPattern) {
    const auto windows = [](std::string_view text) {
        const auto config = parse_config(text);
        EXPECT_TRUE(config) << config.error().message;
        std::vector<std::int64_t> windows;
        for (std::int64_t layer = 0; layer < config->layers; ++layer) {
            windows.push_back(config->plan(layer).window);
        }
        return windows;
    };
    EXPECT_THAT(
        windows(R"({"model_type":"mistral","num_hidden_layers":2,"sliding_window":7})"), ElementsAre(7, 7)
    );
    EXPECT_THAT(windows(R"({"model_type":"mistral","num_hidden_layers":1})"), ElementsAre(4096));
    EXPECT_THAT(
        windows(R"({"model_type":"mistral","num_hidden_layers":1,"sliding_window":null})"), ElementsAre(0)
    );
    EXPECT_THAT(
        windows(R"({"model_type":"qwen2","num_hidden_layers":1,"sliding_window":7})"), ElementsAre(0)
    );
    EXPECT_THAT(
        windows(R"({"model_type":"qwen2","num_hidden_layers":3,"sliding_window":7,)"
                R"("use_sliding_window":true,"max_window_layers":2})"),
        ElementsAre(0, 0, 7)
    );
    EXPECT_THAT(
        windows(R"({"model_type":"gemma2","num_hidden_layers":3,"sliding_window":7})"), ElementsAre(7, 0, 7)
    );
    EXPECT_THAT(
        windows(R"({"model_type":"gemma3_text","num_hidden_layers":4,"sliding_window":7,)"
                R"("sliding_window_pattern":3})"),
        ElementsAre(7, 7, 0, 7)
    );
    EXPECT_THAT(
        windows(R"({"model_type":"gemma3_text","num_hidden_layers":2,"sliding_window":7,)"
                R"("layer_types":["full_attention","sliding_attention"]})"),
        ElementsAre(0, 7)
    );
}

TEST(Config, RefusesByNameWhatAFamilyCannotBe) {
    const auto refusal_of = [](std::string_view text) {
        const auto config = parse_config(text);
        EXPECT_FALSE(config) << text;
        return config ? "" : config.error().message;
    };
    EXPECT_THAT(
        refusal_of(R"({"model_type":"mixtral","num_experts_per_tok":9})"), HasSubstr("num_experts_per_tok")
    );
    EXPECT_THAT(
        refusal_of(R"({"model_type":"mixtral","num_local_experts":1000000})"), HasSubstr("num_local_experts")
    );
    EXPECT_THAT(
        refusal_of(R"({"model_type":"qwen3_moe","mlp_only_layers":[24]})"), HasSubstr("mlp_only_layers")
    );
    EXPECT_THAT(refusal_of(R"({"model_type":"gpt2","n_head":7})"), HasSubstr("n_head"));
    EXPECT_THAT(
        refusal_of(R"({"model_type":"gpt2","scale_attn_by_inverse_layer_idx":true})"),
        HasSubstr("scale_attn_by_inverse_layer_idx")
    );
    EXPECT_THAT(
        refusal_of(R"({"model_type":"gemma2","layer_types":["full_attention"]})"), HasSubstr("layer_types")
    );
    EXPECT_THAT(refusal_of(R"({"model_type":"mistral","sliding_window":0})"), HasSubstr("sliding_window"));
    EXPECT_THAT(
        refusal_of(R"({"model_type":"phi3","partial_rotary_factor":0.001})"), HasSubstr("partial_rotary")
    );
    EXPECT_THAT(
        refusal_of(R"({"model_type":"phi3","rope_scaling":{"type":"longrope","short_factor":[1]}})"),
        HasSubstr("short_factor")
    );
}

TEST(Config, ReadsADirectoryAndNamesTheFile) {
    const std::filesystem::path golden = source_directory() / "tests/golden/engine";
    const auto config = read_config(golden / "llama3_bf16");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_THAT(config->end_tokens, ElementsAre(2, 3));
    EXPECT_EQ(config->bos, 1);
    EXPECT_THAT(read_config(golden / "nothing").error().message, HasSubstr("config.json"));
}

}  // namespace
}  // namespace capstan::engine
