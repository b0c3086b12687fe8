// Holds the model, its gradients and the optimiser against what transformers, peft and torch computed
// (tests/golden/trainer/make_goldens.py).

#include "trainer/learner.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test_paths.h"
#include "trainer/base_model.h"
#include "trainer/optimizer.h"
#include "trainer/safetensors.h"
#include "trainer/spec.h"

namespace capstan::trainer {
namespace {

// Both sides compute in float32 with sums in another order. Logits are of the order of 5, over sums of 32 to
// 56 products: an error of some 1e-6 is what float32 has; 2e-5 leaves room for other CPUs' kernels.
constexpr double kLogitTolerance = 2e-5;
// After 5 steps of AdamW whose first ones go by the gradient's sign, where tiny differences grow.
constexpr double kTrainedLogitTolerance = 2e-3;
constexpr double kLossTolerance = 2e-5;
constexpr double kNormTolerance = 2e-4;  // Relative.

std::filesystem::path golden(const std::string& name) {
    return source_directory() / "tests/golden/trainer" / name;
}

std::vector<double> numbers(const Json& json) {
    std::vector<double> values;
    for (const Json& each : *json.as_array()) {
        values.push_back(*each.as_double());
    }
    return values;
}

struct Expected {
    Batch batch;
    OptimizerSettings optimizer;
    LoraSettings lora;
    std::vector<double> losses;
    std::vector<double> gradient_norms;
    std::vector<float> logits_before;
    std::vector<float> logits_after;
};

std::vector<float> floats(const TensorView& view) {
    std::vector<float> values(view.bytes.size() / sizeof(float));
    std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
    return values;
}

Expected read_expected(const std::string& name) {
    const auto json = parse_json(*read_file(golden(name) / "expected.json"));
    Expected expected;
    for (const Json& row : *(*json)["inputs"].as_array()) {
        for (const double token : numbers(row)) {
            expected.batch.inputs.push_back(static_cast<std::int64_t>(token));
        }
        ++expected.batch.rows;
    }
    for (const Json& row : *(*json)["labels"].as_array()) {
        for (const double label : numbers(row)) {
            expected.batch.labels.push_back(static_cast<std::int64_t>(label));
            expected.batch.learnt_tokens += label >= 0 ? 1 : 0;
        }
    }
    expected.batch.columns = static_cast<std::int64_t>(expected.batch.inputs.size()) / expected.batch.rows;
    const Json& optimizer = (*json)["optimizer"];
    expected.optimizer.learning_rate = *optimizer.get_double("learning_rate");
    expected.optimizer.weight_decay = *optimizer.get_double("weight_decay");
    expected.optimizer.beta1 = *optimizer.get_double("beta1");
    expected.optimizer.beta2 = *optimizer.get_double("beta2");
    expected.optimizer.eps = *optimizer.get_double("eps");
    expected.optimizer.clip_norm = *optimizer.get_double("clip_norm");
    const Json& lora = (*json)["lora"];
    if (lora.is_object()) {
        expected.lora.rank = *lora.get_int("rank");
        expected.lora.alpha = *lora.get_double("alpha");
        expected.lora.rank_stabilised = lora.bool_or("rslora", false);
        expected.lora.targets.clear();
        for (const Json& target : *lora["targets"].as_array()) {
            expected.lora.targets.push_back(*target.as_string());
        }
    }
    expected.losses = numbers((*json)["losses"]);
    expected.gradient_norms = numbers((*json)["gradient_norms"]);
    const auto file = SafetensorsFile::open(golden(name) / "expected.safetensors");
    expected.logits_before = floats(file->tensors().at("before"));
    expected.logits_after = floats(file->tensors().at("after"));
    return expected;
}

// The golden's adapter under our names.
std::vector<float> read_adapter(const std::string& name, const ParameterLayout& layout) {
    const auto file = SafetensorsFile::open(golden(name) / "adapter/adapter_model.safetensors");
    TensorViews tensors;
    constexpr std::string_view kPrefix = "base_model.model.";
    for (const auto& [tensor, view] : file->tensors()) {
        tensors.emplace(tensor.substr(kPrefix.size()), view);
    }
    return layout.read(tensors).value();
}

std::unique_ptr<Learner> make_learner(
    const std::string& name, const Expected& expected, std::size_t threads
) {
    auto base = read_base_model(golden(name));
    EXPECT_TRUE(base) << base.error().message;
    const LearnerSettings settings{base->shape, expected.lora, threads};
    if (std::filesystem::exists(golden(name) / "adapter")) {
        auto adapter = read_adapter(name, lora_parameters(base->shape, expected.lora));
        return Learner::make(settings, std::move(adapter), std::move(base->values)).value();
    }
    return Learner::make(settings, std::move(base->values), {}).value();
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    EXPECT_EQ(a.size(), b.size());
    double most = 0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    }
    return most;
}

struct Curve {
    std::vector<double> losses;
    std::vector<double> norms;
    std::vector<float> logits;
};

Curve train(Learner& learner, const Expected& expected) {
    Optimizer optimizer(expected.optimizer, learner.layout(), learner.team());
    Curve curve;
    const double scale = 1.0 / static_cast<double>(expected.batch.learnt_tokens);
    for (std::size_t step = 0; step < expected.losses.size(); ++step) {
        learner.clear_gradients();
        curve.losses.push_back(learner.accumulate(expected.batch, scale, step).value() * scale);
        learner.sum_gradients();
        curve.norms.push_back(
            optimizer.step(learner.values(), learner.gradient(), expected.optimizer.learning_rate)
        );
    }
    curve.logits = learner.logits(expected.batch).value();
    return curve;
}

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, HasTheLogitsOfTransformers) {
    const Expected expected = read_expected(GetParam());
    const auto learner = make_learner(GetParam(), expected, 1);
    EXPECT_LT(
        largest_difference(learner->logits(expected.batch).value(), expected.logits_before), kLogitTolerance
    );
}

TEST_P(Golden, HasTheHeldOutLossOfTransformers) {
    const Expected expected = read_expected(GetParam());
    const auto learner = make_learner(GetParam(), expected, 2);
    const double loss =
        learner->loss_sum(expected.batch).value() / static_cast<double>(expected.batch.learnt_tokens);
    EXPECT_NEAR(loss, expected.losses.front(), kLossTolerance);
}

TEST_P(Golden, TrainsAsTorchDoes) {
    const Expected expected = read_expected(GetParam());
    const auto learner = make_learner(GetParam(), expected, 1);
    const Curve curve = train(*learner, expected);
    for (std::size_t step = 0; step < expected.losses.size(); ++step) {
        EXPECT_NEAR(curve.losses[step], expected.losses[step], kLossTolerance) << "step " << step;
        EXPECT_NEAR(curve.norms[step] / expected.gradient_norms[step], 1, kNormTolerance) << "step " << step;
    }
    EXPECT_LT(largest_difference(curve.logits, expected.logits_after), kTrainedLogitTolerance);
}

TEST_P(Golden, TrainsTheSameInSeveralThreads) {
    const Expected expected = read_expected(GetParam());
    const auto one = make_learner(GetParam(), expected, 1);
    const auto three = make_learner(GetParam(), expected, 3);
    const Curve alone = train(*one, expected);
    const Curve together = train(*three, expected);
    for (std::size_t step = 0; step < expected.losses.size(); ++step) {
        EXPECT_NEAR(alone.losses[step], together.losses[step], kLossTolerance) << "step " << step;
    }
}

TEST_P(Golden, RepeatsItselfBitByBit) {
    const Expected expected = read_expected(GetParam());
    const Curve first = train(*make_learner(GetParam(), expected, 2), expected);
    const Curve second = train(*make_learner(GetParam(), expected, 2), expected);
    EXPECT_EQ(first.losses, second.losses);
    EXPECT_EQ(first.logits, second.logits);
}

INSTANTIATE_TEST_SUITE_P(
    Models,
    Golden,
    testing::Values("tied", "untied", "lora", "rslora"),
    [](const auto& info) { return info.param; }
);

TEST(Learner, DropoutChangesTrainingButNotEvaluation) {
    Expected expected = read_expected("lora");
    const auto plain = make_learner("lora", expected, 1);
    expected.lora.dropout = 0.5;
    const auto dropping = make_learner("lora", expected, 1);
    const double scale = 1.0 / static_cast<double>(expected.batch.learnt_tokens);
    EXPECT_EQ(plain->loss_sum(expected.batch).value(), dropping->loss_sum(expected.batch).value());
    const double first = dropping->accumulate(expected.batch, scale, 1).value();
    EXPECT_NE(first, plain->accumulate(expected.batch, scale, 1).value());
    EXPECT_NE(first, dropping->accumulate(expected.batch, scale, 2).value());
    EXPECT_EQ(first, dropping->accumulate(expected.batch, scale, 1).value());
}

TEST(Learner, ABatchInPartsHasTheGradientOfTheWhole) {
    const Expected expected = read_expected("tied");
    const auto whole = make_learner("tied", expected, 1);
    const auto parts = make_learner("tied", expected, 1);
    const double scale = 1.0 / static_cast<double>(expected.batch.learnt_tokens);
    ASSERT_TRUE(whole->accumulate(expected.batch, scale, 0));
    for (std::int64_t row = 0; row < expected.batch.rows; ++row) {
        Batch part{
            .rows = 1, .columns = expected.batch.columns, .inputs = {}, .labels = {}, .learnt_tokens = 0
        };
        const auto begin = row * part.columns;
        part.inputs.assign(
            expected.batch.inputs.begin() + begin, expected.batch.inputs.begin() + begin + part.columns
        );
        part.labels.assign(
            expected.batch.labels.begin() + begin, expected.batch.labels.begin() + begin + part.columns
        );
        ASSERT_TRUE(parts->accumulate(part, scale, 0));
    }
    for (std::size_t i = 0; i < whole->gradient().size(); ++i) {
        ASSERT_NEAR(whole->gradient()[i], parts->gradient()[i], 2e-6);
    }
}

}  // namespace
}  // namespace capstan::trainer
