#include "engine/files/dequantise.h"

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/test_paths.h"
#include "engine/files/safetensors.h"

namespace capstan::engine {
namespace {

const std::filesystem::path kGolden = source_directory() / "tests/golden/engine/blocks";

// tests/golden/engine/make_block_goldens.py made these with the gguf package and torch.
class DequantiseTest : public testing::TestWithParam<DataType> {};

TEST_P(DequantiseTest, ReadsWhatTheReferenceReads) {
    const auto golden = SafetensorsFile::open(kGolden / "dequantised.safetensors");
    ASSERT_TRUE(golden) << golden.error().message;
    const std::string name(name_of(GetParam()));
    const Tensor* blocks = golden->find(name + ".blocks");
    const Tensor* expected = golden->find(name + ".values");
    ASSERT_TRUE(blocks != nullptr && expected != nullptr);
    const std::int64_t count = expected->elements();
    ASSERT_EQ(bytes_of(GetParam(), count), static_cast<std::int64_t>(blocks->bytes.size()));
    std::vector<float> values(static_cast<std::size_t>(count));
    dequantise(GetParam(), blocks->bytes.data(), count, values.data());
    int finite = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const float want = weight_at(expected->bytes.data(), DataType::kF32, i);
        const float got = values[static_cast<std::size_t>(i)];
        ASSERT_EQ(std::isnan(got), std::isnan(want)) << i;
        if (!std::isnan(want)) {
            ASSERT_EQ(std::bit_cast<std::uint32_t>(got), std::bit_cast<std::uint32_t>(want))
                << i << ": " << got << " for " << want;
            finite += std::isfinite(want) ? 1 : 0;
        }
    }
    EXPECT_GT(finite, count / 2);
}

INSTANTIATE_TEST_SUITE_P(
    EveryType,
    DequantiseTest,
    testing::Values(
        DataType::kQ8_0,
        DataType::kQ4_0,
        DataType::kQ4_1,
        DataType::kQ5_0,
        DataType::kQ5_1,
        DataType::kQ4K,
        DataType::kQ5K,
        DataType::kQ6K,
        DataType::kMxfp4,
        DataType::kF8E4m3,
        DataType::kF8E5m2
    ),
    [](const auto& instance) { return std::string(name_of(instance.param)); }
);

TEST(Dequantise, ReadsPlainElementsWithoutAlignment) {
    std::vector<std::byte> memory(1 + 3 * sizeof(double));
    std::byte* unaligned = memory.data() + 1;
    const auto read = [&](DataType type, const auto& elements) {
        std::memcpy(unaligned, elements.data(), sizeof elements);
        std::vector<float> values(3);
        dequantise(type, unaligned, 3, values.data());
        return values;
    };
    EXPECT_EQ(
        read(DataType::kF32, std::array<float, 3>{1.5F, -2, 3e30F}), (std::vector<float>{1.5F, -2, 3e30F})
    );
    EXPECT_EQ(read(DataType::kF64, std::array<double, 3>{1.5, -2, 3}), (std::vector<float>{1.5F, -2, 3}));
    EXPECT_EQ(
        read(DataType::kF16, std::array<std::uint16_t, 3>{0x3C00, 0xC000, 0}), (std::vector<float>{1, -2, 0})
    );
    EXPECT_EQ(
        read(DataType::kBf16, std::array<std::uint16_t, 3>{0x3F80, 0xC000, 0}), (std::vector<float>{1, -2, 0})
    );
    EXPECT_EQ(read(DataType::kI64, std::array<std::int64_t, 3>{-5, 6, 7}), (std::vector<float>{-5, 6, 7}));
    EXPECT_EQ(
        read(DataType::kI8, std::array<std::int8_t, 3>{-128, 127, 0}), (std::vector<float>{-128, 127, 0})
    );
    EXPECT_EQ(
        read(DataType::kU8, std::array<std::uint8_t, 3>{255, 127, 0}), (std::vector<float>{255, 127, 0})
    );
    EXPECT_EQ(
        read(DataType::kU32, std::array<std::uint32_t, 3>{4294967295U, 1, 0}),
        (std::vector<float>{0x1p32F, 1, 0})
    );
}

}  // namespace
}  // namespace capstan::engine
