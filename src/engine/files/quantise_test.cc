#include "engine/files/quantise.h"

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/test_paths.h"
#include "engine/files/dequantise.h"
#include "engine/files/safetensors.h"

namespace capstan::engine {
namespace {

// tests/golden/engine/make_quantise_goldens.py made it with the gguf package and llama.cpp's quantiser.
class Golden {
public:
    Golden() {
        auto file =
            SafetensorsFile::open(source_directory() / "tests/golden/engine/blocks/quantised.safetensors");
        EXPECT_TRUE(file) << file.error().message;
        file_.emplace(std::move(*file));
    }

    std::vector<float> numbers(const std::string& name) const {
        const Tensor* tensor = file_->find(name);
        EXPECT_NE(tensor, nullptr) << name;
        std::vector<float> values(static_cast<std::size_t>(tensor->elements()));
        dequantise(tensor->type, tensor->bytes.data(), tensor->elements(), values.data());
        return values;
    }

    std::span<const std::byte> bytes(const std::string& name) const { return file_->find(name)->bytes; }

private:
    std::optional<SafetensorsFile> file_;
};

std::vector<std::byte> quantised(
    DataType type, const std::vector<float>& values, const float* importance = nullptr
) {
    const auto count = static_cast<std::int64_t>(values.size());
    std::vector<std::byte> blocks(static_cast<std::size_t>(bytes_of(type, count)));
    quantise(type, values.data(), count, importance, blocks.data());
    return blocks;
}

std::vector<float> through(
    DataType type, const std::vector<float>& values, const float* importance = nullptr
) {
    std::vector<float> back(values.size());
    dequantise(
        type,
        quantised(type, values, importance).data(),
        static_cast<std::int64_t>(values.size()),
        back.data()
    );
    return back;
}

double rms(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    }
    return std::sqrt(sum / static_cast<double>(a.size()));
}

std::vector<float> normal_values(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values) {
        value = normal(random);
    }
    return values;
}

std::string type_name(const testing::TestParamInfo<DataType>& instance) {
    return std::string(name_of(instance.param));
}

class QuantiseExactlyTest : public testing::TestWithParam<DataType> {};

TEST_P(QuantiseExactlyTest, GivesTheReferencesBytes) {
    const Golden golden;
    const std::vector<std::byte> blocks = quantised(GetParam(), golden.numbers("values"));
    const auto expected = golden.bytes(std::string(name_of(GetParam())) + ".blocks");
    ASSERT_EQ(blocks.size(), expected.size());
    const auto block_bytes = static_cast<std::size_t>(block_of(GetParam()).bytes);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        ASSERT_EQ(blocks[i], expected[i]) << "byte " << i % block_bytes << " of block " << i / block_bytes;
    }
}

INSTANTIATE_TEST_SUITE_P(
    RoundedToNearest,
    QuantiseExactlyTest,
    testing::Values(
        DataType::kQ8_0, DataType::kQ4_0, DataType::kQ4_1, DataType::kQ5_0, DataType::kQ5_1, DataType::kMxfp4
    ),
    type_name
);

class QuantiseKTest : public testing::TestWithParam<DataType> {};

TEST_P(QuantiseKTest, IsAtLeastAsCloseAsTheReference) {
    const Golden golden;
    std::vector<float> values = golden.numbers("values");
    values.resize(static_cast<std::size_t>(golden.numbers("normal").front()));
    const double reference = golden.numbers(std::string(name_of(GetParam())) + ".rms").front();
    const double ours = rms(through(GetParam(), values), values);
    EXPECT_LE(ours, 1.02 * reference);
    EXPECT_GT(ours, 0.5 * reference);
    RecordProperty("rms_over_reference", std::to_string(ours / reference));
}

TEST_P(QuantiseKTest, KeepsOutliersZerosAndEqualNumbers) {
    std::vector<float> values = normal_values(256 * 3, 5);
    std::fill_n(values.begin(), 256, 0.0F);
    std::fill_n(values.begin() + 256, 256, -0.3F);
    values[700] = 100;
    const std::vector<float> back = through(GetParam(), values);
    for (std::size_t i = 0; i < 512; ++i) {
        ASSERT_NEAR(back[i], values[i], 0.002) << i;
    }
    EXPECT_NEAR(back[700], 100, 1);
}

TEST_P(QuantiseKTest, IsCloserWhereItMattersMore) {
    const std::vector<float> values = normal_values(256 * 8, 6);
    std::vector<float> importance(values.size(), 0.01F);
    double weighted = 0;
    double plain = 0;
    for (std::size_t i = 0; i < values.size(); i += 8) {
        importance[i] = 10;
    }
    const std::vector<float> with = through(GetParam(), values, importance.data());
    const std::vector<float> without = through(GetParam(), values);
    for (std::size_t i = 0; i < values.size(); i += 8) {
        weighted += std::pow(with[i] - values[i], 2);
        plain += std::pow(without[i] - values[i], 2);
    }
    EXPECT_LT(weighted, 0.8 * plain);
}

INSTANTIATE_TEST_SUITE_P(
    Searched, QuantiseKTest, testing::Values(DataType::kQ4K, DataType::kQ5K, DataType::kQ6K), type_name
);

TEST(Quantise, WritesPlainTypes) {
    const std::vector<float> values = {1, -2, 0.5F, 3.25F};
    for (const DataType type : {DataType::kF32, DataType::kF16, DataType::kBf16}) {
        EXPECT_EQ(through(type, values), values);
    }
    EXPECT_FALSE(is_quantisable(DataType::kI8));
    EXPECT_TRUE(is_quantisable(DataType::kQ5K));
}

TEST(Quantise, SurvivesWhatIsNoNumber) {
    std::vector<float> values = normal_values(256, 7);
    values[3] = std::numeric_limits<float>::quiet_NaN();
    values[40] = std::numeric_limits<float>::infinity();
    values[70] = -std::numeric_limits<float>::infinity();
    values[100] = 1e38F;
    for (const DataType type :
         {DataType::kQ8_0,
          DataType::kQ4_0,
          DataType::kQ4_1,
          DataType::kQ5_0,
          DataType::kQ5_1,
          DataType::kQ4K,
          DataType::kQ5K,
          DataType::kQ6K,
          DataType::kMxfp4}) {
        EXPECT_EQ(quantised(type, values).size(), static_cast<std::size_t>(bytes_of(type, 256)));
    }
}

}  // namespace
}  // namespace capstan::engine
