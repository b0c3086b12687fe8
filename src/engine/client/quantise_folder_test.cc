#include "engine/client/quantise_folder.h"

#include <algorithm>
#include <cmath>
#include <span>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "engine/client/calibration.h"
#include "engine/client/model_card.h"
#include "engine/client/model_loss.h"
#include "engine/files/checkpoint.h"
#include "engine/files/dequantise.h"
#include "engine/model/random_model.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

std::vector<float> numbers(const Tensor& tensor) {
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    dequantise(tensor.type, tensor.bytes.data(), tensor.elements(), values.data());
    return values;
}

class QuantiseFolderTest : public testing::Test {
protected:
    QuantiseFolderTest() { EXPECT_TRUE(write_random_model(source_, {})); }

    std::filesystem::path directory_ = std::filesystem::path(testing::TempDir()) / new_id();
    std::filesystem::path source_ = directory_ / "source";
    std::filesystem::path out_ = directory_ / "out";
};

TEST_F(QuantiseFolderTest, WritesAFolderThatRunsAndLosesLittle) {
    double before = 0;
    for (const int bits : {8, 4}) {
        const auto out = directory_ / std::to_string(bits);
        const auto made = quantise_folder({.source = source_, .out = out, .bits = bits, .threads = 2});
        ASSERT_TRUE(made) << made.error().message;
        EXPECT_EQ(made->quantised_tensors, 2 * 7);
        EXPECT_LT(made->bytes, made->source_bytes);
        const auto loss = measure_loss({.source = source_, .made = out, .text = "some words to read here"});
        ASSERT_TRUE(loss) << loss.error().message;
        EXPECT_GT(loss->mean_divergence, before);
        before = loss->mean_divergence;
    }
    EXPECT_LT(before, 1);
}

TEST_F(QuantiseFolderTest, RoundsToTheNearestMultipleOfTheScale) {
    for (const int bits : {8, 4}) {
        const auto out = directory_ / std::to_string(bits);
        ASSERT_TRUE(quantise_folder({.source = source_, .out = out, .bits = bits}));
        const auto source = Checkpoint::open(source_);
        const auto made = Checkpoint::open(out);
        ASSERT_TRUE(source && made);
        EXPECT_EQ(source->names(), made->names());
        const std::string name = "model.layers.1.mlp.down_proj.weight";
        EXPECT_EQ(made->find(name)->type, bits == 8 ? DataType::kQ8_0 : DataType::kQ4_0);
        const std::vector<float> before = numbers(*source->find(name));
        const std::vector<float> after = numbers(*made->find(name));
        for (std::size_t i = 0; i < before.size(); ++i) {
            // Half a step, and what rounding the scale to binary16 adds.
            const auto group = std::span(before).subspan(i / 32 * 32, 32);
            float largest = 0;
            for (const float value : group) {
                largest = std::max(largest, std::fabs(value));
            }
            ASSERT_NEAR(after[i], before[i], largest / (bits == 8 ? 225 : 7.9F)) << i;
        }
        const Tensor* embedding = made->find("model.embed_tokens.weight");
        EXPECT_TRUE(std::ranges::equal(embedding->bytes, source->find("model.embed_tokens.weight")->bytes));
    }
}

constexpr const char* kCalibration =
    "the quick brown fox jumps over the lazy dog and runs away from many words";

class CalibratedFolderTest : public QuantiseFolderTest {
protected:
    // Norms of which some columns are large, as real models have them.
    CalibratedFolderTest() {
        std::vector<TensorToWrite> tensors;
        const auto checkpoint = Checkpoint::open(source_);
        EXPECT_TRUE(checkpoint);
        std::vector<float> norm(64, 1);
        for (std::size_t i = 0; i < norm.size(); i += 9) {
            norm[i] = 12;
        }
        for (const std::string& name : checkpoint->names()) {
            const Tensor& tensor = *checkpoint->find(name);
            const bool is_norm = name.find("layernorm") != std::string::npos;
            tensors.push_back(
                {.name = name,
                 .type = tensor.type,
                 .shape = tensor.shape,
                 .bytes = is_norm ? std::as_bytes(std::span(norm)) : tensor.bytes}
            );
        }
        EXPECT_TRUE(write_safetensors(source_ / "model.safetensors", tensors));
    }

    double loss_of(const std::filesystem::path& made) const {
        const auto loss = measure_loss({.source = source_, .made = made, .text = kCalibration});
        EXPECT_TRUE(loss) << loss.error().message;
        return loss ? loss->mean_divergence : 1e9;
    }
};

TEST_F(CalibratedFolderTest, LosesLessWhenItKnowsTheInputs) {
    const auto to_folder = [&](const std::string& name) {
        return QuantiseFolder{.source = source_, .out = directory_ / name, .bits = 4, .threads = 2};
    };
    ASSERT_TRUE(quantise_folder(to_folder("rtn")));
    const double nearest = loss_of(directory_ / "rtn");
    QuantiseFolder awq = to_folder("awq");
    auto inputs = calibrate({.model = source_, .text = kCalibration});
    ASSERT_TRUE(inputs) << inputs.error().message;
    awq.inputs = *inputs;
    const auto scaled = quantise_folder(awq);
    ASSERT_TRUE(scaled) << scaled.error().message;
    EXPECT_EQ(scaled->scaled_tensors, 2 * 6);
    EXPECT_LT(loss_of(awq.out), 0.9 * nearest);
    QuantiseFolder gptq = to_folder("gptq");
    gptq.gptq = CalibrationOptions{.text = kCalibration};
    const auto rounded = quantise_folder(gptq);
    ASSERT_TRUE(rounded) << rounded.error().message;
    EXPECT_EQ(rounded->gptq_tensors, 2 * 7);
    EXPECT_LT(loss_of(gptq.out), 0.9 * nearest);
}

TEST_F(CalibratedFolderTest, ScalesChangeNothingThatIsNotRounded) {
    auto inputs = calibrate({.model = source_, .text = kCalibration});
    ASSERT_TRUE(inputs);
    ASSERT_TRUE(quantise_folder({.source = source_, .out = out_, .bits = 8, .inputs = *inputs}));
    EXPECT_LT(loss_of(out_), 0.08);  // Rounding to 8 bits alone.
}

TEST_F(QuantiseFolderTest, NotesItsLossInTheCard) {
    ASSERT_TRUE(quantise_folder({.source = source_, .out = out_}));
    ASSERT_TRUE(replace_file(out_ / "README.md", "# A model\n"));
    const QuantisationCard card = {
        .type = "int8", .method = "rtn", .source = "source", .loss = {.tokens = 12, .perplexity = 3.5}
    };
    ASSERT_TRUE(write_card(out_, card));
    const std::string text = read_file(out_ / "README.md").value();
    EXPECT_THAT(text, HasSubstr("# A model\n"));
    EXPECT_THAT(text, HasSubstr("3.5000"));
}

TEST_F(QuantiseFolderTest, SaysInTheConfigurationWhatItDid) {
    ASSERT_TRUE(quantise_folder({.source = source_, .out = out_, .bits = 4}));
    const auto config = parse_json(read_file(out_ / "config.json").value());
    ASSERT_TRUE(config);
    const Json& quantisation = (*config)["quantization_config"];
    EXPECT_EQ(quantisation["quant_method"], Json("compressed-tensors"));
    EXPECT_EQ(quantisation["format"], Json("pack-quantized"));
    EXPECT_EQ(quantisation["config_groups"]["group_0"]["weights"]["num_bits"], Json(4));
    EXPECT_TRUE(std::filesystem::exists(out_ / "tokenizer.json"));
}

TEST_F(QuantiseFolderTest, RefusesWhatItCannotDo) {
    ASSERT_TRUE(quantise_folder({.source = source_, .out = out_}));
    EXPECT_EQ(quantise_folder({.source = source_, .out = out_}).error().code, ErrorCode::kConflict);
    EXPECT_THAT(
        quantise_folder({.source = out_, .out = directory_ / "again"}).error().message,
        HasSubstr("quantised already")
    );
    EXPECT_FALSE(std::filesystem::exists(directory_ / "again"));
}

}  // namespace
}  // namespace capstan::engine
