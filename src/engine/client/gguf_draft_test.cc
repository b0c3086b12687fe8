// Folders of every family become GGUF files that are the same models: weights, settings, tokens and
// templates.

#include "engine/client/gguf_draft.h"

#include <cmath>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/file.h"
#include "base/id.h"
#include "engine/client/model_loss.h"
#include "engine/client/quantise_folder.h"
#include "engine/client/quantise_model.h"
#include "engine/files/dequantise.h"
#include "engine/files/model_text.h"
#include "engine/model/config_difference.h"
#include "engine/model/logits_for_test.h"
#include "engine/model/model.h"
#include "engine/model/random_model.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

Json json_of(std::string_view text) {
    auto json = parse_json(text);
    CHECK(json, json.error().message);
    return std::move(*json);
}

// The family's name in config.json, and what it has that others have not. Sizes are the same for all.
struct Family {
    std::string name;
    std::string_view settings;
};

Json config_json_of(const Family& family) {
    Json json =
        json_of(R"({"vocab_size": 272, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 128,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false, "eos_token_id": [0, 4]})");
    for (const auto& [key, value] : *json_of(family.settings).as_object()) {
        json.set(key, value);
    }
    return json;
}

const Family kFamilies[] = {
    {"llama", R"({"architectures": ["LlamaForCausalLM"], "tie_word_embeddings": true})"},
    {"llama_biases", R"({"architectures": ["LlamaForCausalLM"], "attention_bias": true, "mlp_bias": true,
        "rope_scaling": {"rope_type": "linear", "factor": 4.0}})"},
    {"llama3", R"({"architectures": ["LlamaForCausalLM"], "num_key_value_heads": 1, "rope_theta": 500000.0,
        "bos_token_id": 0, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 32}})"},
    {"mistral", R"({"architectures": ["MistralForCausalLM"], "sliding_window": 12})"},
    {"mixtral", R"({"architectures": ["MixtralForCausalLM"], "num_local_experts": 5, "num_experts_per_tok": 2,
        "sliding_window": null})"},
    {"qwen2", R"({"architectures": ["Qwen2ForCausalLM"], "use_sliding_window": false})"},
    {"qwen2_yarn",
     R"({"architectures": ["Qwen2ForCausalLM"], "rope_scaling": {"rope_type": "yarn", "factor": 4.0,
        "original_max_position_embeddings": 32}})"},
    {"qwen2_moe", R"({"architectures": ["Qwen2MoeForCausalLM"], "num_experts": 4, "num_experts_per_tok": 2,
        "moe_intermediate_size": 32, "shared_expert_intermediate_size": 64, "norm_topk_prob": false})"},
    {"qwen3", R"({"architectures": ["Qwen3ForCausalLM"], "head_dim": 32})"},
    {"qwen3_moe", R"({"architectures": ["Qwen3MoeForCausalLM"], "num_experts": 6, "num_experts_per_tok": 3,
        "moe_intermediate_size": 32, "norm_topk_prob": true})"},
    {"gemma", R"({"architectures": ["GemmaForCausalLM"], "hidden_activation": "gelu_pytorch_tanh",
        "tie_word_embeddings": true})"},
    {"gemma2", R"({"architectures": ["Gemma2ForCausalLM"], "hidden_activation": "gelu_pytorch_tanh",
        "tie_word_embeddings": true, "query_pre_attn_scalar": 16, "sliding_window": 10, "attn_logit_softcapping": 4.0,
        "final_logit_softcapping": 3.0})"},
    {"gemma3", R"({"architectures": ["Gemma3ForCausalLM"], "hidden_activation": "gelu_pytorch_tanh",
        "tie_word_embeddings": true, "num_hidden_layers": 7, "query_pre_attn_scalar": 16, "sliding_window": 10,
        "rope_theta": 1000000.0, "rope_local_base_freq": 1000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0}})"},
    {"phi3", R"({"architectures": ["Phi3ForCausalLM"], "sliding_window": 16, "partial_rotary_factor": 0.5})"},
    {"phi3_long", R"({"architectures": ["Phi3ForCausalLM"], "sliding_window": null,
        "original_max_position_embeddings": 24, "rope_scaling": {"type": "longrope",
        "long_factor": [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5],
        "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7]}})"},
    {"gpt2",
     R"({"architectures": ["GPT2LMHeadModel"], "n_embd": 64, "n_head": 4, "n_layer": 2, "n_positions": 96,
        "activation_function": "gelu_new", "tie_word_embeddings": true})"},
};

std::vector<float> logits_of(const std::filesystem::path& path) {
    return logits_for_test(path, 40, 260);
}

class GgufDraftTest : public testing::Test {
protected:
    GgufDraftTest() { std::filesystem::create_directories(folder_); }

    void write_folder(const Family& family, DataType type = DataType::kF32) {
        const auto good = write_random_model(
            folder_, {.type = type, .vector_spread = 0.3F, .config_json = config_json_of(family)}
        );
        ASSERT_TRUE(good) << good.error().message;
    }

    void convert(std::optional<Mixture> mixture = std::nullopt) {
        const auto made = quantise_model({.source = folder_, .out = out_, .mixture = mixture, .threads = 2});
        ASSERT_TRUE(made) << made.error().message;
    }

    std::string refusal() {
        const auto made = quantise_model({.source = folder_, .out = out_, .mixture = std::nullopt});
        EXPECT_FALSE(std::filesystem::exists(out_));
        return made ? "" : made.error().message;
    }

    std::string refusal_of(const Family& family) {
        write_folder(family);
        return refusal();
    }

    std::filesystem::path directory_ = std::filesystem::path(testing::TempDir()) / new_id();
    std::filesystem::path folder_ = directory_ / "folder";
    std::filesystem::path out_ = directory_ / "out.gguf";
};

class EveryFamily : public GgufDraftTest, public testing::WithParamInterface<Family> {};

TEST_P(EveryFamily, IsTheSameModelAsAGgufFile) {
    write_folder(GetParam());
    convert();
    const auto before = read_config(folder_);
    const auto after = read_config(out_);
    ASSERT_TRUE(before && after) << (after ? "" : after.error().message);
    EXPECT_EQ(config_difference(*before, *after), std::nullopt);
    EXPECT_EQ(after->end_tokens, before->end_tokens);
    const std::vector<float> expected = logits_of(folder_);
    const std::vector<float> actual = logits_of(out_);
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR(actual[i], expected[i], 1e-5) << i;
    }
}

TEST_P(EveryFamily, EncodesAndPromptsAsTheFolderDoes) {
    write_folder(GetParam());
    convert(Mixture::kQ8_0);
    const auto before = load_tokenizer(folder_);
    const auto after = load_tokenizer(out_);
    ASSERT_TRUE(before && after) << (after ? "" : after.error().message);
    for (const std::string text : {"Hello, world 123\n", "  grüße 你好 <|user|> x", "<|endoftext|>"}) {
        EXPECT_EQ(
            after->encode(text, {.add_special_tokens = true}),
            before->encode(text, {.add_special_tokens = true})
        );
    }
    const Json messages = json_of(R"([{"role": "user", "content": "Hi"}])");
    EXPECT_EQ(
        load_chat_template(out_)->render(messages).value(),
        load_chat_template(folder_)->render(messages).value()
    );
}

INSTANTIATE_TEST_SUITE_P(Folders, EveryFamily, testing::ValuesIn(kFamilies), [](const auto& info) {
    return info.param.name;
});

TEST_F(GgufDraftTest, KeepsTypesButForVectorsAndRouters) {
    write_folder(kFamilies[4], DataType::kBf16);  // Mixtral
    convert();
    const auto file = GgufFile::open(out_);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->int_or("general.file_type", -1), 32);
    EXPECT_EQ(file->string_or("general.name", ""), "folder");
    EXPECT_EQ(file->find_tensor("blk.0.attn_q.weight")->type, DataType::kBf16);
    EXPECT_EQ(file->find_tensor("blk.0.attn_norm.weight")->type, DataType::kF32);
    EXPECT_EQ(file->find_tensor("blk.0.ffn_gate_inp.weight")->type, DataType::kF32);
    const Tensor* experts = file->find_tensor("blk.2.ffn_gate_exps.weight");
    ASSERT_NE(experts, nullptr);
    EXPECT_EQ(experts->shape, (std::vector<std::int64_t>{5, 96, 64}));
}

TEST_F(GgufDraftTest, WritesEveryType) {
    write_folder(
        {"wide", R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 256, "intermediate_size": 512,
        "head_dim": 64, "tie_word_embeddings": true, "num_hidden_layers": 2})"}
    );
    const std::vector<float> expected = logits_of(folder_);
    double before = 0;  // Types in the order of their loss.
    for (const auto& [mixture, type, loss_max] :
         {std::tuple(Mixture::kF32, DataType::kF32, 1e-9),
          std::tuple(Mixture::kF16, DataType::kF16, 1e-5),
          std::tuple(Mixture::kBf16, DataType::kBf16, 1e-3),
          std::tuple(Mixture::kQ8_0, DataType::kQ8_0, 1e-3),
          std::tuple(Mixture::kQ6K, DataType::kQ6K, 1e-2),
          std::tuple(Mixture::kQ5KM, DataType::kQ5K, 0.1),
          std::tuple(Mixture::kQ5_1, DataType::kQ5_1, 0.1),
          std::tuple(Mixture::kQ5_0, DataType::kQ5_0, 0.1),
          std::tuple(Mixture::kQ4KM, DataType::kQ4K, 0.3),
          std::tuple(Mixture::kQ4_1, DataType::kQ4_1, 0.3),
          std::tuple(Mixture::kQ4_0, DataType::kQ4_0, 0.5),
          std::tuple(Mixture::kMxfp4, DataType::kMxfp4, 1.0)}) {
        convert(mixture);
        const auto file = GgufFile::open(out_);
        ASSERT_TRUE(file) << file.error().message;
        EXPECT_EQ(file->find_tensor("blk.0.attn_q.weight")->type, type) << name_of(mixture);
        EXPECT_EQ(file->int_or("general.file_type", -1), file_type_of(mixture));
        const std::vector<float> actual = logits_of(out_);
        double error = 0;
        double size = 0;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            error += std::pow(static_cast<double>(actual[i]) - static_cast<double>(expected[i]), 2);
            size += std::pow(static_cast<double>(expected[i]), 2);
        }
        EXPECT_LT(error / size, loss_max) << name_of(mixture);
        EXPECT_GE(error / size, mixture == Mixture::kF32 ? 0.0 : 1e-12) << name_of(mixture);
        before = error / size;
    }
    EXPECT_GT(before, 0.001);
}

TEST_F(GgufDraftTest, KeepsTheBlocksOfAQuantisedFolder) {
    for (const int bits : {8, 4}) {
        write_folder(kFamilies[0]);
        const auto quantised = directory_ / ("int" + std::to_string(bits));
        ASSERT_TRUE(quantise_folder({.source = folder_, .out = quantised, .bits = bits}));
        const auto made = quantise_model({.source = quantised, .out = out_, .mixture = std::nullopt});
        ASSERT_TRUE(made) << made.error().message;
        EXPECT_EQ(
            GgufFile::open(out_)->find_tensor("blk.1.attn_k.weight")->type,
            bits == 8 ? DataType::kQ8_0 : DataType::kQ4_0
        );
        const std::vector<float> expected = logits_of(quantised);
        const std::vector<float> actual = logits_of(out_);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            ASSERT_NEAR(actual[i], expected[i], 1e-5) << i;
        }
    }
}

TEST_F(GgufDraftTest, CalibratesOnAFolderAsOnAFile) {
    const std::string text =
        "the quick brown fox jumps over the lazy dog and runs away from the many words that a test may need";
    write_folder(kFamilies[10]);  // Gemma: norms are stored otherwise.
    const auto plain = directory_ / "plain.gguf";
    ASSERT_TRUE(quantise_model({.source = folder_, .out = plain, .mixture = std::nullopt}));
    for (const bool is_gptq : {false, true}) {
        std::vector<std::string> files;
        for (const auto& source : {folder_, plain}) {
            QuantiseModel command = {.source = source, .out = out_, .mixture = Mixture::kQ4_0};
            if (is_gptq) {
                command.gptq = CalibrationOptions{.text = text};
            } else {
                const auto inputs = calibrate({.model = source, .text = text});
                ASSERT_TRUE(inputs) << inputs.error().message;
                command.inputs = *inputs;
            }
            const auto made = quantise_model(command);
            ASSERT_TRUE(made) << made.error().message;
            EXPECT_EQ(is_gptq ? made->gptq_tensors : made->scaled_tensors, is_gptq ? 3 * 7 : 3 * 6);
            const auto loss =
                measure_loss({.source = folder_, .made = out_, .text = text, .window_tokens = 48});
            ASSERT_TRUE(loss) << loss.error().message;
            files.push_back(std::to_string(loss->mean_divergence));
        }
        EXPECT_EQ(files[0], files[1]) << (is_gptq ? "gptq" : "awq");
    }
}

TEST_F(GgufDraftTest, RefusesByNameWhatAFileCannotSay) {
    EXPECT_THAT(
        refusal_of(
            {"w", R"({"architectures": ["Qwen2ForCausalLM"], "use_sliding_window": true, "sliding_window": 9,
            "max_window_layers": 0})"}
        ),
        HasSubstr("'use_sliding_window'")
    );
    EXPECT_THAT(
        refusal_of(
            {"n", R"({"architectures": ["Qwen3MoeForCausalLM"], "num_experts": 4, "num_experts_per_tok": 2,
            "moe_intermediate_size": 32, "norm_topk_prob": false})"}
        ),
        HasSubstr("'norm_topk_prob'")
    );
    EXPECT_THAT(
        refusal_of(
            {"l", R"({"architectures": ["Qwen3MoeForCausalLM"], "num_experts": 4, "num_experts_per_tok": 2,
            "moe_intermediate_size": 32, "norm_topk_prob": true, "mlp_only_layers": [1]})"}
        ),
        HasSubstr("'mlp_only_layers'")
    );
    EXPECT_THAT(
        refusal_of({"p", R"({"architectures": ["LlamaForCausalLM"], "partial_rotary_factor": 0.5})"}),
        HasSubstr("'partial_rotary_factor'")
    );
    EXPECT_THAT(
        refusal_of({"r", R"({"architectures": ["Qwen2ForCausalLM"], "rope_scaling": {"rope_type": "llama3",
            "factor": 8.0}})"}),
        HasSubstr("'rope_scaling'")
    );
    EXPECT_THAT(
        refusal_of({"b", R"({"architectures": ["Qwen3ForCausalLM"], "attention_bias": true})"}),
        HasSubstr("'attention_bias'")
    );
    EXPECT_THAT(
        refusal_of({"a", R"({"architectures": ["LlamaForCausalLM"], "hidden_act": "gelu"})"}),
        HasSubstr("'hidden_act'")
    );
    EXPECT_THAT(
        refusal_of({"s", R"({"architectures": ["Gemma2ForCausalLM"], "tie_word_embeddings": true,
            "query_pre_attn_scalar": 99})"}),
        HasSubstr("'query_pre_attn_scalar'")
    );
    EXPECT_THAT(
        refusal_of({"c", R"({"architectures": ["Gemma2ForCausalLM"], "tie_word_embeddings": true,
            "query_pre_attn_scalar": 16, "attn_logit_softcapping": null})"}),
        HasSubstr("'attn_logit_softcapping'")
    );
    EXPECT_THAT(
        refusal_of({"e", R"({"architectures": ["LlamaForCausalLM"], "eos_token_id": [1, 2, 3, 4]})"}),
        HasSubstr("'eos_token_id'")
    );
    EXPECT_THAT(
        refusal_of({"y", R"({"architectures": ["LlamaForCausalLM"], "bos_token_id": 3})"}),
        HasSubstr("'bos_token_id'")
    );
}

TEST_F(GgufDraftTest, RefusesFoldersThatAreNoSuchModel) {
    EXPECT_THAT(refusal(), HasSubstr("config.json"));
    write_folder(kFamilies[0]);
    ASSERT_TRUE(replace_file(folder_ / "config.json", R"({"architectures": ["BertModel"]})"));
    EXPECT_THAT(refusal(), HasSubstr("'architectures' is [\"BertModel\"]"));
    ASSERT_TRUE(replace_file(folder_ / "config.json", R"({"architectures": ["LlamaModel"]})"));
    EXPECT_THAT(refusal(), HasSubstr("a model without a head"));
    Json json = config_json_of(kFamilies[0]);
    json.set("num_hidden_layers", 4);
    ASSERT_TRUE(replace_file(folder_ / "config.json", json.dump()));
    EXPECT_THAT(refusal(), HasSubstr("tensor 'model.layers.3.input_layernorm.weight' is missing"));
    json.set("num_hidden_layers", 2);
    ASSERT_TRUE(replace_file(folder_ / "config.json", json.dump()));
    EXPECT_THAT(refusal(), HasSubstr("is not part of the model"));
    json.set("num_hidden_layers", 3).set("intermediate_size", 95);
    ASSERT_TRUE(replace_file(folder_ / "config.json", json.dump()));
    EXPECT_THAT(refusal(), HasSubstr("has shape [96, 64]; the configuration asks for [95, 64]"));
    json.set("intermediate_size", 96).set("vocab_size", 200);
    ASSERT_TRUE(replace_file(folder_ / "config.json", json.dump()));
    EXPECT_THAT(refusal(), HasSubstr("model.embed_tokens.weight"));
    ASSERT_TRUE(replace_file(folder_ / "config.json", config_json_of(kFamilies[0]).dump()));
    std::filesystem::remove(folder_ / "tokenizer.json");
    EXPECT_THAT(refusal(), HasSubstr("has no tokenizer.json"));
}

TEST_F(GgufDraftTest, LeavesNothingBehindWhenItFailsHalfWay) {
    write_folder(kFamilies[0]);
    // GPTQ finds its text empty when the output is already begun.
    QuantiseModel command = {.source = folder_, .out = out_, .mixture = Mixture::kQ4_0};
    command.gptq = CalibrationOptions{.text = ""};
    EXPECT_FALSE(quantise_model(command));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);  // The folder.
}

TEST_F(GgufDraftTest, RefusesGptqOfMatricesThatLieTheOtherWay) {
    write_folder(kFamilies[15]);  // GPT-2
    QuantiseModel command = {.source = folder_, .out = out_, .mixture = Mixture::kQ4_0};
    command.gptq = CalibrationOptions{.text = "some text"};
    const auto made = quantise_model(command);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message, HasSubstr("tensor 'transformer.h.0.attn.c_attn.weight'"));
}

}  // namespace
}  // namespace capstan::engine
