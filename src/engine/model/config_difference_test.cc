#include "engine/model/config_difference.h"

#include <functional>

#include <gtest/gtest.h>

namespace capstan::engine {
namespace {

std::optional<std::string_view> difference_after(const std::function<void(ModelConfig&)>& change) {
    const ModelConfig before;
    ModelConfig after;
    change(after);
    return config_difference(before, after);
}

TEST(ConfigDifference, NamesTheSettingThatChangesTheResult) {
    EXPECT_EQ(difference_after([](ModelConfig&) {}), std::nullopt);
    EXPECT_EQ(difference_after([](ModelConfig& c) { c.layers = 3; }), "num_hidden_layers");
    EXPECT_EQ(difference_after([](ModelConfig& c) { c.norm_epsilon = 1e-5; }), "rms_norm_eps");
    EXPECT_EQ(difference_after([](ModelConfig& c) { c.rope.theta = 5e5; }), "rope_scaling");
    EXPECT_EQ(difference_after([](ModelConfig& c) { c.local_rope = RopeConfig{}; }), "rope_scaling");
    EXPECT_EQ(difference_after([](ModelConfig& c) { c.biases.down = true; }), "mlp_bias");
    EXPECT_EQ(difference_after([](ModelConfig& c) { c.plans = {{.window = 9}}; }), "sliding_window");
    EXPECT_EQ(difference_after([](ModelConfig& c) { c.experts.normalises = false; }), "norm_topk_prob");
}

TEST(ConfigDifference, TakesOtherWaysToSayTheSameForTheSame) {
    EXPECT_EQ(difference_after([](ModelConfig& c) { c.norm_epsilon = 1e-6F; }), std::nullopt);
    EXPECT_EQ(difference_after([](ModelConfig& c) { c.end_tokens = {7}; }), std::nullopt);
    EXPECT_EQ(difference_after([](ModelConfig& c) { c.plans.resize(32); }), std::nullopt);
    EXPECT_EQ(difference_after([](ModelConfig& c) { c.rope.dimensions = 128; }), std::nullopt);
    EXPECT_EQ(
        difference_after([](ModelConfig& c) {
            c.rope.scaling = RopeScaling::kLong;
            c.rope.divisors.assign(64, 1.0);
        }),
        std::nullopt
    );
}

}  // namespace
}  // namespace capstan::engine
