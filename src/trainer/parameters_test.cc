#include "trainer/parameters.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capstan::trainer {
namespace {

using testing::HasSubstr;

ModelShape small_shape(bool tied) {
    ModelShape shape;
    shape.vocab_size = 50;
    shape.hidden_size = 12;
    shape.intermediate_size = 20;
    shape.layers = 2;
    shape.heads = 2;
    shape.kv_heads = 1;
    shape.head_dim = 6;
    shape.tie_word_embeddings = tied;
    return shape;
}

const Parameter& named(const ParameterLayout& layout, std::string_view name) {
    return *std::ranges::find(layout.parameters(), name, &Parameter::name);
}

TEST(Parameters, CountAsManyAsTheShapeHas) {
    for (const bool tied : {true, false}) {
        const auto layout = llama_parameters(small_shape(tied));
        std::size_t count = 0;
        for (const Parameter& parameter : layout.parameters()) {
            count += parameter.size();
        }
        EXPECT_EQ(count, static_cast<std::size_t>(parameter_count(small_shape(tied))));
    }
}

TEST(Parameters, DecayingOnesComeFirstAndNothingOverlaps) {
    const auto layout = llama_parameters(small_shape(false));
    std::size_t end = 0;
    for (const Parameter& parameter : layout.parameters()) {
        EXPECT_GE(parameter.begin, end);
        EXPECT_EQ(parameter.begin % 16, 0U);
        EXPECT_EQ(parameter.decays, parameter.begin < layout.decaying_size()) << parameter.name;
        end = parameter.begin + parameter.size();
    }
    EXPECT_LE(end, layout.size());
    EXPECT_FALSE(named(layout, "model.embed_tokens.weight").decays);
    EXPECT_FALSE(named(layout, "model.norm.weight").decays);
    EXPECT_TRUE(named(layout, "lm_head.weight").decays);
}

TEST(Parameters, StartAtRandomWithTheRightSpread) {
    ModelShape shape = small_shape(true);
    shape.vocab_size = 2000;
    const auto layout = llama_parameters(shape);
    const auto values = layout.initial_values(1);
    const Parameter& embedding = named(layout, "model.embed_tokens.weight");
    double sum = 0;
    double squares = 0;
    for (std::size_t i = 0; i < embedding.size(); ++i) {
        const double value = static_cast<double>(values[embedding.begin + i]);
        sum += value;
        squares += value * value;
    }
    const auto count = static_cast<double>(embedding.size());
    EXPECT_NEAR(sum / count, 0, 0.001);
    EXPECT_NEAR(std::sqrt(squares / count), 0.02, 0.001);
    EXPECT_EQ(values[named(layout, "model.norm.weight").begin], 1);
    EXPECT_EQ(values, layout.initial_values(1));
    EXPECT_NE(values, layout.initial_values(2));
}

TEST(Parameters, AnAdapterStartsAsNothing) {
    LoraSettings lora;
    lora.rank = 3;
    lora.targets = {"down_proj", "q_proj"};
    const auto layout = lora_parameters(small_shape(true), lora);
    EXPECT_EQ(layout.parameters().size(), 2U * 2 * 2);
    const auto values = layout.initial_values(1);
    const Parameter& down = named(layout, "model.layers.1.mlp.down_proj.lora_A.weight");
    const Parameter& up = named(layout, "model.layers.1.mlp.down_proj.lora_B.weight");
    EXPECT_EQ(down.shape, (std::vector<std::int64_t>{3, 20}));
    EXPECT_EQ(up.shape, (std::vector<std::int64_t>{12, 3}));
    float most = 0;
    for (std::size_t i = 0; i < down.size(); ++i) {
        most = std::max(most, std::abs(values[down.begin + i]));
    }
    EXPECT_GT(most, 0.1F);
    EXPECT_LE(most, 1 / std::sqrt(20.0F));  // kaiming_uniform with a = √5
    for (std::size_t i = 0; i < up.size(); ++i) {
        EXPECT_EQ(values[up.begin + i], 0);
    }
}

TEST(Parameters, ReadBackWhatTheyWrote) {
    const auto layout = llama_parameters(small_shape(true));
    const auto values = layout.initial_values(9);
    EXPECT_EQ(*layout.read(layout.views(values, ".x"), ".x"), values);
}

TEST(Parameters, ReadHalfPrecision) {
    const ParameterLayout layout({{.name = "w", .shape = {3}}});
    const std::vector<std::uint16_t> half{0x3c00, 0xc100, 0x0001};   // 1, −2.5, 2^-24
    const std::vector<std::uint16_t> brain{0x3f80, 0xc020, 0x0001};  // 1, −2.5, 2^-133
    const auto read = [&](DataType type, const std::vector<std::uint16_t>& bits) {
        const std::string_view bytes(reinterpret_cast<const char*>(bits.data()), 6);
        return *layout.read({{"w", {type, {3}, bytes}}});
    };
    EXPECT_EQ(read(DataType::kFloat16, half)[0], 1);
    EXPECT_EQ(read(DataType::kFloat16, half)[1], -2.5);
    EXPECT_EQ(read(DataType::kFloat16, half)[2], std::ldexp(1.0F, -24));
    EXPECT_EQ(read(DataType::kBFloat16, brain)[0], 1);
    EXPECT_EQ(read(DataType::kBFloat16, brain)[1], -2.5);
    EXPECT_EQ(read(DataType::kBFloat16, brain)[2], std::ldexp(1.0F, -133));
}

TEST(Parameters, RefuseTensorsThatAreMissingOrOfAnotherKind) {
    const ParameterLayout layout({{.name = "w", .shape = {2}}});
    const auto why = [&](const TensorViews& tensors) { return layout.read(tensors).error().message; };
    EXPECT_THAT(why({}), HasSubstr("lack 'w'"));
    EXPECT_THAT(why({{"w", {DataType::kFloat32, {3}, "123412341234"}}}), HasSubstr("shape"));
    EXPECT_THAT(why({{"w", {DataType::kInt32, {2}, "12341234"}}}), HasSubstr("I32"));
}

}  // namespace
}  // namespace capstan::trainer
