#include "engine/model/adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "engine/files/safetensors.h"
#include "engine/model/random_model.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

class AdapterTest : public testing::Test {
protected:
    std::filesystem::path directory_ = std::filesystem::path(testing::TempDir()) / new_id();
    RandomModel model_;

    void SetUp() override { ASSERT_TRUE(write_random_adapter(directory_, model_, 4)); }

    Result<std::shared_ptr<const Adapter>> load() const { return Adapter::load(directory_, model_.config); }

    std::string refusal() const {
        const auto adapter = load();
        EXPECT_FALSE(adapter);
        return adapter ? "" : adapter.error().message;
    }

    void set(std::string_view key, Json value) const {
        const auto path = directory_ / "adapter_config.json";
        Json config = *parse_json(*read_file(path));
        config.set(key, std::move(value));
        ASSERT_TRUE(replace_file(path, config.dump()));
    }

    void write_tensors(const std::vector<TensorToWrite>& tensors) const {
        ASSERT_TRUE(write_safetensors(directory_ / "adapter_model.safetensors", tensors));
    }
};

TEST_F(AdapterTest, ScalesByAlphaOverRankOrItsRoot) {
    EXPECT_EQ((*load())->find(1, Projection::kUp)->scale, 1.0F);
    set("lora_alpha", 10);
    EXPECT_EQ((*load())->find(1, Projection::kUp)->scale, 2.5F);
    set("use_rslora", true);
    EXPECT_EQ((*load())->find(1, Projection::kUp)->scale, 5.0F);
    set("alpha_pattern", Json::object({{"layers.1.mlp.up_proj", 2}, {"q_proj", 4}}));
    EXPECT_EQ((*load())->find(1, Projection::kUp)->scale, 1.0F);
    EXPECT_EQ((*load())->find(0, Projection::kUp)->scale, 5.0F);
    EXPECT_EQ((*load())->find(0, Projection::kQuery)->scale, 2.0F);
    EXPECT_EQ((*load())->head(), nullptr);
}

TEST_F(AdapterTest, RefusesByNameWhatIsNotPlainLora) {
    const std::pair<std::string_view, Json> settings[] = {
        {"use_dora", true},
        {"use_qalora", true},
        {"layer_replication", Json::array({Json::array({0, 1})})},
        {"target_parameters", Json::array({"x"})},
        {"lora_bias", true},
        {"bias", "all"},
        {"modules_to_save", Json::array({"lm_head"})},
        {"fan_in_fan_out", true},
        {"init_lora_weights", "pissa_niter_4"},
        {"alpha_pattern", Json::object({{"layers.[01].q_proj", 3}})},
        {"peft_type", "IA3"},
    };
    for (const auto& [key, value] : settings) {
        ASSERT_TRUE(write_random_adapter(directory_, model_, 4));
        set(key, value);
        EXPECT_THAT(refusal(), HasSubstr(std::string(key)));
    }
}

TEST_F(AdapterTest, IgnoresSettingsThatItDoesNotKnowOrThatAreOff) {
    set("velora_config", Json::object({{"x", 1}}));
    set("use_dora", false);
    set("modules_to_save", Json());
    set("target_modules", ".*");
    EXPECT_TRUE(load());
}

TEST_F(AdapterTest, NamesTheTensorThatDoesNotFit) {
    const std::vector<float> zeros(4096);
    const auto tensor = [&](std::string name, std::vector<std::int64_t> shape) {
        std::int64_t count = 1;
        for (const auto dimension : shape) {
            count *= dimension;
        }
        return TensorToWrite{
            .name = "base_model.model.model.layers." + name,
            .type = DataType::kF32,
            .shape = std::move(shape),
            .bytes = std::as_bytes(std::span(zeros).first(static_cast<std::size_t>(count)))
        };
    };
    const auto a = tensor("0.self_attn.q_proj.lora_A.weight", {2, 64});
    const auto b = tensor("0.self_attn.q_proj.lora_B.weight", {64, 2});
    write_tensors({a, b});
    EXPECT_TRUE(load());
    write_tensors({a});
    EXPECT_THAT(refusal(), HasSubstr("q_proj.lora_B.weight' is missing"));
    write_tensors({a, tensor("0.self_attn.q_proj.lora_B.weight", {64, 3})});
    EXPECT_THAT(refusal(), HasSubstr("q_proj.lora_B.weight' has shape [64, 3]"));
    write_tensors({tensor("0.self_attn.q_proj.lora_A.weight", {2, 32}), b});
    EXPECT_THAT(refusal(), HasSubstr("q_proj.lora_A.weight' has shape [2, 32]"));
    write_tensors({a, b, tensor("9.self_attn.q_proj.lora_A.weight", {2, 64})});
    EXPECT_THAT(refusal(), HasSubstr("layers.9"));
    write_tensors({a, b, tensor("0.self_attn.q_proj.lora_magnitude_vector", {64})});
    EXPECT_THAT(refusal(), HasSubstr("lora_magnitude_vector"));
    write_tensors({});
    EXPECT_THAT(refusal(), HasSubstr("no tensors"));
}

}  // namespace
}  // namespace capstan::engine
