#include "engine/client/quantise_model.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/id.h"
#include "engine/client/model_card.h"
#include "engine/client/model_loss.h"
#include "engine/files/dequantise.h"
#include "engine/files/gguf.h"
#include "engine/files/gguf_writer.h"
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

TEST_F(QuantiseModelTest, StatesWhatFewerBitsInMemoryLose) {
    const LossOptions plain = {
        .source = source_, .made = source_, .text = std::string(kText), .window_tokens = 48
    };
    const auto loss_with = [&](KvType kv_type, kernels::PackAs pack_as) {
        LossOptions options = plain;
        options.kv_type = kv_type;
        options.pack_as = pack_as;
        const auto loss = measure_loss(options);
        EXPECT_TRUE(loss) << loss.error().message;
        return loss ? loss->mean_divergence : 0;
    };
    const double kv8 = loss_with(KvType::kI8, kernels::PackAs::kStored);
    EXPECT_GT(kv8, 0);
    EXPECT_GT(loss_with(KvType::kI4, kernels::PackAs::kStored), kv8);
    const double int8 = loss_with(KvType::kF16, kernels::PackAs::kInt8);
    EXPECT_GT(int8, 0);
    EXPECT_GT(loss_with(KvType::kF16, kernels::PackAs::kInt4), int8);
}

TEST_F(QuantiseModelTest, NeedsATextForTheLoss) {
    EXPECT_THAT(
        measure_loss({.source = source_, .made = source_, .text = ""}).error().message,
        HasSubstr("two tokens")
    );
}

// Inputs of very different sizes, as real models have them: a few columns of the norms are large.
class CalibratedModelTest : public QuantiseModelTest {
protected:
    CalibratedModelTest() {
        const auto file = GgufFile::open(source_);
        EXPECT_TRUE(file);
        GgufMetadata metadata;
        for (const auto& [key, value] : file->metadata()) {
            metadata.copy(key, value);
        }
        std::vector<GgufTensorPlan> plan;
        for (const auto& [name, tensor] : file->tensors()) {
            plan.push_back({.name = name, .type = tensor.type, .shape = tensor.shape});
        }
        auto writer = GgufWriter::open(uneven_, metadata, plan);
        EXPECT_TRUE(writer);
        for (const auto& [name, tensor] : file->tensors()) {
            std::vector<std::byte> bytes(tensor.bytes.begin(), tensor.bytes.end());
            if (name.ends_with("attn_norm.weight") || name.ends_with("ffn_norm.weight")) {
                const float large = 12;
                for (std::size_t column = 0; column < 256; column += 17) {
                    std::memcpy(bytes.data() + column * sizeof large, &large, sizeof large);
                }
            }
            EXPECT_TRUE(writer->write(bytes));
        }
        EXPECT_TRUE(writer->finish());
    }

    ModelLoss loss_of(const std::filesystem::path& made) const {
        const auto loss =
            measure_loss({.source = uneven_, .made = made, .text = std::string(kText), .window_tokens = 48});
        EXPECT_TRUE(loss) << loss.error().message;
        return loss.value_or(ModelLoss{});
    }

    std::filesystem::path uneven_ = directory_ / "uneven.gguf";
};

TEST_F(CalibratedModelTest, SeesTheInputsOfEachMatrix) {
    const auto inputs = calibrate({.model = uneven_, .text = std::string(kText), .window_tokens = 24});
    ASSERT_TRUE(inputs) << inputs.error().message;
    const InputColumns& query = inputs->at("blk.1.attn_q.weight");
    ASSERT_EQ(query.mean_square.size(), 256U);
    // Normed numbers have mean square 1, times the norm's weight squared.
    EXPECT_GT(query.mean_square[17], 20);
    EXPECT_LT(query.mean_square[18], 20);
    EXPECT_GT(query.mean_square[18], 0);
    EXPECT_LE(query.mean_magnitude[17] * query.mean_magnitude[17], query.mean_square[17] * 1.0001F);
    EXPECT_EQ(inputs->at("blk.0.ffn_down.weight").mean_square.size(), 256U);
    EXPECT_FALSE(calibrate({.model = uneven_, .text = ""}));
}

TEST_F(CalibratedModelTest, LosesLessWhenItKnowsTheInputs) {
    const auto inputs = calibrate({.model = uneven_, .text = std::string(kText)});
    ASSERT_TRUE(inputs) << inputs.error().message;
    for (const Mixture mixture : {Mixture::kQ4_0, Mixture::kQ4KM}) {
        QuantiseModel command = {.source = uneven_, .out = out_, .mixture = mixture};
        ASSERT_TRUE(quantise_model(command));
        const ModelLoss nearest = loss_of(out_);
        command.inputs = *inputs;
        const auto made = quantise_model(command);
        ASSERT_TRUE(made) << made.error().message;
        EXPECT_EQ(made->scaled_tensors, 2 * 6);
        const ModelLoss aware = loss_of(out_);
        EXPECT_LT(aware.mean_divergence, 0.8 * nearest.mean_divergence) << name_of(mixture);
        EXPECT_GT(aware.mean_divergence, 0);
    }
}

TEST_F(CalibratedModelTest, GptqLosesLessThanRoundingToNearest) {
    QuantiseModel command = {.source = uneven_, .out = out_, .mixture = Mixture::kQ4_0, .threads = 2};
    ASSERT_TRUE(quantise_model(command));
    const ModelLoss nearest = loss_of(out_);
    command.gptq = CalibrationOptions{.text = std::string(kText)};
    const auto made = quantise_model(command);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->gptq_tensors, 2 * 7);
    EXPECT_LT(loss_of(out_).mean_divergence, 0.8 * nearest.mean_divergence);
}

TEST_F(CalibratedModelTest, NotesItsLossInTheFile) {
    ASSERT_TRUE(quantise_model({.source = uneven_, .out = out_, .mixture = Mixture::kQ4_0}));
    const ModelLoss loss = loss_of(out_);
    for (const char* method : {"rtn", "awq"}) {  // The second takes the first's place.
        const QuantisationCard card = {.type = "q4_0", .method = method, .source = "uneven", .loss = loss};
        const auto good = write_card(out_, card);
        ASSERT_TRUE(good) << good.error().message;
    }
    const auto file = GgufFile::open(out_);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->string_or("capstan.quantization.method", ""), "awq");
    EXPECT_NEAR(
        file->double_or("capstan.quantization.perplexity", 0), loss.perplexity, 1e-3 * loss.perplexity
    );
    EXPECT_EQ(loss_of(out_).mean_divergence, loss.mean_divergence);
}

TEST_F(CalibratedModelTest, ComputesTheSameFunctionWithItsScales) {
    const auto inputs = calibrate({.model = uneven_, .text = std::string(kText)});
    ASSERT_TRUE(inputs) << inputs.error().message;
    ASSERT_TRUE(quantise_model({.source = uneven_, .out = out_, .mixture = Mixture::kQ8_0, .inputs = *inputs})
    );
    EXPECT_LT(loss_of(out_).mean_divergence, 0.01);
}

}  // namespace
}  // namespace capstan::engine
