#include "engine/files/group_quantised.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_paths.h"
#include "engine/files/checkpoint.h"
#include "engine/files/dequantise.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGolden = source_directory() / "tests/golden/engine/groups";

std::vector<float> numbers(const Tensor& tensor) {
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    dequantise(tensor.type, tensor.bytes.data(), tensor.elements(), values.data());
    return values;
}

// tests/golden/engine/make_group_goldens.py made them.
TEST(GroupQuantised, StandsForWhatTheReferenceSays) {
    const auto checkpoint = Checkpoint::open(kGolden);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    const auto expected = SafetensorsFile::open(kGolden / "expected.safetensors");
    ASSERT_TRUE(expected) << expected.error().message;
    EXPECT_EQ(checkpoint->names().size(), expected->tensors().size());
    for (const auto& [name, want] : expected->tensors()) {
        const Tensor* got = checkpoint->find(name);
        ASSERT_NE(got, nullptr) << name;
        EXPECT_EQ(got->shape, want.shape) << name;
        const std::vector<float> values = numbers(*got);
        const std::vector<float> wanted = numbers(want);
        for (std::size_t i = 0; i < values.size(); ++i) {
            // A minimum (15 · 0.051 at most) or a number, rounded to 11 bits.
            ASSERT_NEAR(values[i], wanted[i], std::max(std::fabs(wanted[i]), 0.77F) / 2048)
                << name << " " << i;
        }
    }
}

TEST(GroupQuantised, KeepsItsBitsWhereGroupsAreInOrder) {
    const auto checkpoint = Checkpoint::open(kGolden);
    const auto expected = SafetensorsFile::open(kGolden / "expected.safetensors");
    ASSERT_TRUE(checkpoint && expected);
    EXPECT_EQ(checkpoint->find("gptq.weight")->type, DataType::kQ4_0);
    EXPECT_EQ(checkpoint->find("gptq_asymmetric.weight")->type, DataType::kQ4_1);
    EXPECT_EQ(checkpoint->find("gptq_act_order.weight")->type, DataType::kF16);
    EXPECT_EQ(checkpoint->find("gptq_8.weight")->type, DataType::kQ8_0);
    EXPECT_EQ(checkpoint->find("gptq_8_asymmetric.weight")->type, DataType::kF16);
    EXPECT_EQ(checkpoint->find("awq.weight")->type, DataType::kQ4_1);
    EXPECT_EQ(checkpoint->find("awq_short.weight")->type, DataType::kF16);
    for (const char* exact : {"gptq.weight", "gptq_8.weight"}) {
        EXPECT_EQ(numbers(*checkpoint->find(exact)), numbers(*expected->find(exact))) << exact;
    }
}

class HostileGroups : public testing::Test {
protected:
    const Tensor& tensor(std::string name, DataType type, std::vector<std::int64_t> shape) {
        Tensor made = {.name = std::move(name), .type = type, .shape = std::move(shape), .bytes = {}};
        std::int64_t elements = 1;
        for (const std::int64_t size : made.shape) {
            elements *= size;
        }
        memory_.emplace_back(static_cast<std::size_t>(bytes_of(type, elements)));
        made.bytes = memory_.back();
        tensors_.push_back(std::make_unique<Tensor>(std::move(made)));
        return *tensors_.back();
    }

    const Tensor& codes() { return tensor("a.qweight", DataType::kI32, {8, 16}); }

    const Tensor& zeros() { return tensor("a.qzeros", DataType::kI32, {2, 2}); }

    const Tensor& scales() { return tensor("a.scales", DataType::kF16, {2, 16}); }

    static std::string refusal(const GroupQuantised& stored) {
        const auto matrix = restore_groups(stored);
        return matrix ? "" : matrix.error().message;
    }

    std::vector<std::vector<std::byte>> memory_;
    std::vector<std::unique_ptr<Tensor>> tensors_;
};

TEST_F(HostileGroups, AreRefusedWithTheTensorsName) {
    EXPECT_EQ(refusal({.codes = codes(), .zeros = &zeros(), .scales = &scales()}), "");
    EXPECT_THAT(refusal({.codes = codes(), .scales = &scales()}), HasSubstr("'a.qweight': needs"));
    EXPECT_THAT(refusal({.codes = codes(), .zeros = &zeros()}), HasSubstr("'a.qweight': needs"));
    EXPECT_THAT(
        refusal(
            {.codes = tensor("a.qweight", DataType::kI64, {8, 16}), .zeros = &zeros(), .scales = &scales()}
        ),
        HasSubstr("no matrix of I32")
    );
    EXPECT_THAT(
        refusal(
            {.codes = tensor("a.qweight", DataType::kI32, {0, 16}), .zeros = &zeros(), .scales = &scales()}
        ),
        HasSubstr("no matrix of I32")
    );
    EXPECT_THAT(
        refusal({.codes = codes(), .zeros = &tensor("a.qzeros", DataType::kI32, {2, 3}), .scales = &scales()}
        ),
        HasSubstr("'a.qzeros': [2, 3]")
    );
    EXPECT_THAT(
        refusal({.codes = codes(), .zeros = &tensor("a.qzeros", DataType::kI32, {2, 1}), .scales = &scales()}
        ),
        HasSubstr("4 or 8 bits")
    );
    EXPECT_THAT(
        refusal({.codes = tensor("a.qweight", DataType::kI32, {8, 5}), .zeros = &zeros(), .scales = &scales()}
        ),
        HasSubstr("'a.qweight': [8, 5]")
    );
    EXPECT_THAT(
        refusal(
            {.codes = codes(),
             .zeros = &tensor("a.qzeros", DataType::kI32, {3, 2}),
             .scales = &tensor("a.scales", DataType::kF16, {3, 16})}
        ),
        HasSubstr("3 groups do not divide 64")
    );
}

TEST_F(HostileGroups, IndicesMustBeOfGroupsThatThereAre) {
    const Tensor& few = tensor("a.g_idx", DataType::kI32, {63});
    EXPECT_THAT(
        refusal({.codes = codes(), .zeros = &zeros(), .scales = &scales(), .group_of = &few}),
        HasSubstr("'a.g_idx': must be I32 [64]")
    );
    const Tensor& indices = tensor("a.g_idx", DataType::kI32, {64});
    std::byte* seventh = memory_.back().data() + 7 * 4;  // Stays where it is when more vectors are added.
    for (const std::int32_t bad : {2, -1, INT32_MAX}) {
        std::memcpy(seventh, &bad, sizeof bad);
        EXPECT_THAT(
            refusal({.codes = codes(), .zeros = &zeros(), .scales = &scales(), .group_of = &indices}),
            HasSubstr("input 7 is of group")
        );
    }
}

}  // namespace
}  // namespace capstan::engine
