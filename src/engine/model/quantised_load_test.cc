// Weights that are rounded while a model is loaded.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/id.h"
#include "base/test_paths.h"
#include "engine/files/random_gguf.h"
#include "engine/model/model.h"
#include "engine/model/random_model.h"

namespace capstan::engine {
namespace {

using kernels::PackAs;
using kernels::PackedFormat;

class QuantisedLoad : public testing::Test {
protected:
    Weights load(PackAs pack_as) {
        const auto config = read_config(folder_);
        CHECK(config, config.error().message);
        auto weights = load_weights(folder_, *config, team_, pack_as);
        CHECK(weights, weights.error().message);
        return std::move(*weights);
    }

    ThreadTeam team_{2};
    std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
};

TEST_F(QuantisedLoad, LayersGetTheBitsAndTheHeadGetsEight) {
    ASSERT_TRUE(write_random_model(folder_, {.type = DataType::kBf16}));
    const Weights stored = load(PackAs::kStored);
    EXPECT_EQ(stored.layers[0][Projection::kDown].weight.format(), PackedFormat::kInt16);
    const Weights int8 = load(PackAs::kInt8);
    EXPECT_EQ(int8.layers[0][Projection::kDown].weight.format(), PackedFormat::kQ8_0);
    EXPECT_EQ(int8.embedding.format(), PackedFormat::kQ8_0);
    const Weights int4 = load(PackAs::kInt4);
    EXPECT_EQ(int4.layers[0][Projection::kDown].weight.format(), PackedFormat::kQ4_1);
    EXPECT_EQ(int4.embedding.format(), PackedFormat::kQ8_0);
    EXPECT_LT(int8.matmul_bytes, stored.matmul_bytes);
    EXPECT_LT(int4.matmul_bytes, int8.matmul_bytes);
}

TEST_F(QuantisedLoad, RoutersKeepWhatTheyHave) {
    const std::filesystem::path mixtral = source_directory() / "tests/golden/engine/mixtral";
    const auto config = read_config(mixtral);
    ASSERT_TRUE(config) << config.error().message;
    const auto stored = load_weights(mixtral, *config, team_);
    const auto int4 = load_weights(mixtral, *config, team_, PackAs::kInt4);
    ASSERT_TRUE(stored && int4);
    const ExpertWeights& experts = int4->layers[0].experts;
    EXPECT_EQ(experts.router.weight.format(), stored->layers[0].experts.router.weight.format());
    EXPECT_EQ(experts.experts[0].down.weight.format(), PackedFormat::kQ4_1);
}

TEST_F(QuantisedLoad, RefusesWhatHasFewerBitsAlready) {
    std::filesystem::create_directories(folder_);
    const LlamaShape shape = {
        .name = "test",
        .hidden = 256,
        .layers = 1,
        .heads = 4,
        .kv_heads = 4,
        .intermediate = 512,
        .vocabulary = 400,
        .context = 128
    };
    const auto path = folder_ / "small.gguf";
    ASSERT_TRUE(write_random_gguf(path, {.shape = shape, .mixture = Mixture::kQ4_0, .pool_blocks = 16}));
    for (const PackAs pack_as : {PackAs::kInt8, PackAs::kInt4}) {
        const auto model = Model::open(path, 1, pack_as);
        ASSERT_FALSE(model);
        EXPECT_THAT(model.error().message, testing::HasSubstr("model.layers.0.self_attn.q_proj.weight"));
        EXPECT_THAT(model.error().message, testing::HasSubstr("is Q4_0 already"));
    }
    ASSERT_TRUE(write_random_gguf(path, {.shape = shape, .mixture = Mixture::kQ8_0, .pool_blocks = 16}));
    EXPECT_TRUE(Model::open(path, 1, PackAs::kInt8));
    EXPECT_TRUE(Model::open(path, 1, PackAs::kInt4));
}

}  // namespace
}  // namespace capstan::engine
