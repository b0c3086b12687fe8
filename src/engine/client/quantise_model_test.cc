#include "engine/client/quantise_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/id.h"
#include "engine/client/model_loss.h"
#include "engine/files/dequantise.h"
#include "engine/files/gguf.h"
#include "engine/files/random_gguf.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

constexpr LlamaShape kTiny = {
    .name = "tiny",
    .hidden = 256,
    .layers = 2,
    .heads = 4,
    .kv_heads = 2,
    .intermediate = 256,
    .vocabulary = 400,
    .context = 64,
};

constexpr std::string_view kText =
    "the quick brown fox jumps over the lazy dog and runs away from the many words that a test may need";

class QuantiseModelTest : public testing::Test {
protected:
    QuantiseModelTest() {
        std::filesystem::create_directories(directory_);
        EXPECT_TRUE(write_random_gguf(source_, {.shape = kTiny, .mixture = Mixture::kF16, .pool_blocks = 256})
        );
    }

    std::filesystem::path directory_ = std::filesystem::path(testing::TempDir()) / new_id();
    std::filesystem::path source_ = directory_ / "source.gguf";
    std::filesystem::path out_ = directory_ / "out.gguf";
};

TEST_F(QuantiseModelTest, KeepsAllButTheWeightsOfMatrices) {
    std::vector<double> progress;
    const auto result = quantise_model({
        .source = source_,
        .out = out_,
        .mixture = Mixture::kQ4KM,
        .threads = 2,
        .on_progress = [&](double share) { progress.push_back(share); },
    });
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->quantised_tensors, 1 + 2 * 7);
    EXPECT_EQ(result->tensors, 2 + 2 * 9);
    EXPECT_LT(3 * result->bytes, result->source_bytes + result->source_bytes / 2);
    EXPECT_EQ(progress.size(), 20U);
    EXPECT_EQ(progress.back(), 1);
    const auto source = GgufFile::open(source_);
    const auto made = GgufFile::open(out_);
    ASSERT_TRUE(source && made);
    EXPECT_EQ(made->int_or("general.file_type", 0), 15);
    EXPECT_EQ(made->find("tokenizer.ggml.tokens")->bytes, source->find("tokenizer.ggml.tokens")->bytes);
    for (const auto& [name, tensor] : source->tensors()) {
        const Tensor* other = made->find_tensor(name);
        ASSERT_NE(other, nullptr);
        EXPECT_EQ(other->shape, tensor.shape);
        std::vector<float> before(static_cast<std::size_t>(tensor.elements()));
        std::vector<float> after(before.size());
        dequantise(tensor.type, tensor.bytes.data(), tensor.elements(), before.data());
        dequantise(other->type, other->bytes.data(), other->elements(), after.data());
        for (std::size_t i = 0; i < before.size(); ++i) {
            ASSERT_NEAR(after[i], before[i], 0.03) << name << " " << i;
        }
    }
}

TEST_F(QuantiseModelTest, RefusesToWriteOverItsSource) {
    EXPECT_THAT(
        quantise_model({.source = source_, .out = source_}).error().message, HasSubstr("the source itself")
    );
    EXPECT_FALSE(quantise_model({.source = directory_ / "none.gguf", .out = out_}));
    EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST_F(QuantiseModelTest, StatesTheLossOnAText) {
    const LossOptions options = {
        .source = source_, .made = source_, .text = std::string(kText), .window_tokens = 24
    };
    const auto none = measure_loss(options);
    ASSERT_TRUE(none) << none.error().message;
    EXPECT_GT(none->tokens, 30);
    EXPECT_EQ(none->mean_divergence, 0);
    EXPECT_EQ(none->same_top, 1);
    EXPECT_EQ(none->perplexity, none->source_perplexity);
    EXPECT_GT(none->perplexity, 1);
    ASSERT_TRUE(quantise_model({.source = source_, .out = out_, .mixture = Mixture::kBf16}));
    LossOptions rounded = options;
    rounded.made = out_;
    const auto some = measure_loss(rounded);
    ASSERT_TRUE(some) << some.error().message;
    EXPECT_GT(some->mean_divergence, 0);
    EXPECT_LT(some->mean_divergence, 0.01);
    EXPECT_GE(some->divergence_max, some->mean_divergence);
    EXPECT_EQ(some->tokens, none->tokens);
}

TEST_F(QuantiseModelTest, NeedsATextForTheLoss) {
    EXPECT_THAT(
        measure_loss({.source = source_, .made = source_, .text = ""}).error().message,
        HasSubstr("two tokens")
    );
}

}  // namespace
}  // namespace capstan::engine
