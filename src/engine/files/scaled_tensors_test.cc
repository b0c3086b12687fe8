#include "engine/files/scaled_tensors.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/id.h"
#include "base/test_paths.h"
#include "engine/files/checkpoint.h"
#include "engine/files/dequantise.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGolden = source_directory() / "tests/golden/engine/scaled";

std::vector<float> numbers(const Tensor& tensor) {
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    dequantise(tensor.type, tensor.bytes.data(), tensor.elements(), values.data());
    return values;
}

// tests/golden/engine/make_scaled_goldens.py made them with torch.
TEST(ScaledTensors, StandForWhatTheReferenceSays) {
    auto opened = Checkpoint::open(kGolden);
    ASSERT_TRUE(opened) << opened.error().message;
    const Checkpoint checkpoint = std::move(*opened);
    const auto expected = SafetensorsFile::open(kGolden / "expected.safetensors");
    ASSERT_TRUE(expected) << expected.error().message;
    // Scales and what belongs to activations are gone.
    EXPECT_EQ(checkpoint.names().size(), expected->tensors().size());
    for (const auto& [name, want] : expected->tensors()) {
        const Tensor* got = checkpoint.find(name);
        ASSERT_NE(got, nullptr) << name;
        EXPECT_EQ(got->shape, want.shape) << name;
        const std::vector<float> values = numbers(*got);
        const std::vector<float> wanted = numbers(want);
        ASSERT_EQ(values.size(), wanted.size()) << name;
        for (std::size_t i = 0; i < values.size(); ++i) {
            // One rounding to 8 bits; a little more where a product is rounded first.
            ASSERT_NEAR(values[i], wanted[i], std::fabs(wanted[i]) * 0.0042F) << name << " " << i;
        }
    }
}

TEST(ScaledTensors, KeepFourBitsAsTheyAre) {
    const auto checkpoint = Checkpoint::open(kGolden);
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->find("mxfp4.weight")->type, DataType::kMxfp4);
    EXPECT_EQ(checkpoint->find("int4.weight")->type, DataType::kQ4_0);
    EXPECT_EQ(checkpoint->find("int8.weight")->type, DataType::kQ8_0);
    EXPECT_EQ(checkpoint->find("nvfp4.weight")->type, DataType::kBf16);
    const auto expected = SafetensorsFile::open(kGolden / "expected.safetensors");
    ASSERT_TRUE(expected);
    EXPECT_EQ(numbers(*checkpoint->find("mxfp4.weight")), numbers(*expected->find("mxfp4.weight")));
}

class HostileScalesTest : public testing::Test {
protected:
    void add(std::string name, DataType type, std::vector<std::int64_t> shape) {
        std::int64_t elements = 1;
        for (const std::int64_t size : shape) {
            elements *= size;
        }
        memory_.emplace_back(static_cast<std::size_t>(bytes_of(type, elements)));
        tensors_.push_back({.name = std::move(name), .type = type, .shape = std::move(shape)});
    }

    std::string refusal() {
        std::vector<TensorToWrite> write;
        for (std::size_t i = 0; i < tensors_.size(); ++i) {
            write.push_back(
                {.name = tensors_[i].name,
                 .type = tensors_[i].type,
                 .shape = tensors_[i].shape,
                 .bytes = memory_[i]}
            );
        }
        EXPECT_TRUE(write_safetensors(directory_ / "model.safetensors", write));
        const auto opened = Checkpoint::open(directory_);
        EXPECT_FALSE(opened);
        tensors_.clear();
        memory_.clear();
        return opened ? "" : opened.error().message;
    }

    std::filesystem::path directory_ = std::filesystem::path(testing::TempDir()) / new_id();
    std::vector<Tensor> tensors_;
    std::vector<std::vector<std::byte>> memory_;
};

TEST_F(HostileScalesTest, AreRefusedWithTheTensorsName) {
    add("a.weight", DataType::kF8E4m3, {4, 8});
    add("a.weight_scale", DataType::kF32, {3, 1});
    EXPECT_THAT(refusal(), HasSubstr("'a.weight_scale': scales [3, 1]"));
    add("a.weight", DataType::kF8E4m3, {4, 8});
    add("a.weight_scale", DataType::kF32, {0, 1});
    EXPECT_THAT(refusal(), HasSubstr("'a.weight_scale'"));
    add("a.weight", DataType::kF8E4m3, {4, 8});
    add("a.weight_scale", DataType::kI32, {4, 1});
    EXPECT_THAT(refusal(), HasSubstr("cannot be I32"));
    add("a.weight", DataType::kF8E4m3, {4, 8, 2});
    EXPECT_THAT(refusal(), HasSubstr("'a.weight': [4, 8, 2]"));
    add("a.weight_packed", DataType::kU8, {4, 8});
    EXPECT_THAT(refusal(), HasSubstr("'a.weight_packed': needs"));
    add("a.weight_packed", DataType::kU8, {4, 16});
    add("a.weight_scale", DataType::kU8, {4, 2});
    EXPECT_THAT(refusal(), HasSubstr("'a.weight_scale'"));
    add("a.weight_packed", DataType::kU8, {4, 8});
    add("a.weight_scale", DataType::kF8E4m3, {4, 1});
    add("a.weight_global_scale", DataType::kF32, {2});
    EXPECT_THAT(refusal(), HasSubstr("one scale of all"));
}

TEST_F(HostileScalesTest, OfIntegersAreRefusedWithTheTensorsName) {
    add("a.weight", DataType::kI8, {4, 64});
    EXPECT_THAT(refusal(), HasSubstr("'a.weight': integers need"));
    add("a.weight", DataType::kI8, {4, 48});
    add("a.weight_scale", DataType::kF32, {4, 1});
    EXPECT_THAT(refusal(), HasSubstr("multiples of 32"));
    add("a.weight_packed", DataType::kI32, {4, 8});
    add("a.weight_scale", DataType::kF32, {4, 1});
    EXPECT_THAT(refusal(), HasSubstr("'weight_shape'"));
    add("a.weight_packed", DataType::kI32, {4, 8});
    add("a.weight_scale", DataType::kF32, {4, 1});
    add("a.weight_shape", DataType::kI64, {2});  // Zeros.
    EXPECT_THAT(refusal(), HasSubstr("four bits"));
    add("a.weight_packed", DataType::kI32, {4, 8});
    add("a.weight_scale", DataType::kF32, {4, 1});
    add("a.weight_zero_point", DataType::kI32, {4, 1});
    EXPECT_THAT(refusal(), HasSubstr("zero points"));
}

}  // namespace
}  // namespace capstan::engine
