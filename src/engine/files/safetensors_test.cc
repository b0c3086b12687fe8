#include "engine/files/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/id.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

std::string file_of(std::string_view header, std::size_t data_bytes) {
    std::string file;
    for (int i = 0; i < 8; ++i) {
        file.push_back(static_cast<char>((header.size() >> (8 * i)) & 0xFF));
    }
    return file + std::string(header) + std::string(data_bytes, 'x');
}

std::string refusal(std::string_view header, std::size_t data_bytes) {
    const auto tensors = parse_safetensors(file_of(header, data_bytes));
    EXPECT_FALSE(tensors) << header;
    return tensors ? "" : tensors.error().message;
}

TEST(Safetensors, ReadsTensorsAndMetadata) {
    const std::string file = file_of(
        R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
        R"("scalar":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},)"
        R"("empty":{"dtype":"F16","shape":[0,9],"data_offsets":[24,24]}}   )",
        26
    );
    const auto tensors = parse_safetensors(file);
    ASSERT_TRUE(tensors) << tensors.error().message;
    ASSERT_EQ(tensors->size(), 3U);
    EXPECT_EQ(tensors->at("a").elements(), 6);
    EXPECT_EQ(shape_text(tensors->at("a").shape), "[2, 3]");
    EXPECT_EQ(tensors->at("scalar").elements(), 1);
    EXPECT_EQ(tensors->at("empty").elements(), 0);
}

TEST(Safetensors, RefusesTruncatedFilesAndHugeHeaders) {
    EXPECT_FALSE(parse_safetensors(""));
    EXPECT_FALSE(parse_safetensors("1234567"));
    EXPECT_THAT(parse_safetensors(std::string(8, '\xff')).error().message, HasSubstr("header claims"));
    const std::string file = file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
    for (std::size_t bytes = 0; bytes < file.size(); ++bytes) {
        EXPECT_FALSE(parse_safetensors(std::string_view(file).substr(0, bytes))) << bytes;
    }
    EXPECT_TRUE(parse_safetensors(file));
    EXPECT_FALSE(parse_safetensors(file + "x"));
    std::string huge = file_of("{}", 0);
    huge[3] = '\x7f';  // About 2 GB.
    EXPECT_THAT(parse_safetensors(huge).error().message, HasSubstr("limit"));
}

TEST(Safetensors, NamesTheTensorThatOverlapsOrLeavesAHole) {
    EXPECT_THAT(
        refusal(
            R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
            R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
            12
        ),
        HasSubstr("'b': overlaps")
    );
    EXPECT_THAT(
        refusal(R"({"hole":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})", 8),
        HasSubstr("'hole': there is a hole")
    );
    EXPECT_THAT(
        refusal(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 8), HasSubstr("no tensor")
    );
}

TEST(Safetensors, NamesTheTensorWithAnImpossibleShapeOrOffset) {
    EXPECT_THAT(
        refusal(R"({"t":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})", 8),
        HasSubstr("'t': shape")
    );
    EXPECT_THAT(refusal(R"({"t":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}})", 8), HasSubstr("'t'"));
    EXPECT_THAT(refusal(R"({"t":{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}})", 8), HasSubstr("'t'"));
    EXPECT_THAT(
        refusal(R"({"t":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4),
        HasSubstr("'t'")
    );
    EXPECT_THAT(
        refusal(R"({"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8), HasSubstr("12 bytes")
    );
    EXPECT_THAT(refusal(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8), HasSubstr("'t'"));
    EXPECT_THAT(refusal(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,800]}})", 8), HasSubstr("'t'"));
    EXPECT_THAT(refusal(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0]}})", 8), HasSubstr("'t'"));
    EXPECT_THAT(
        refusal(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,0]}})", 8),
        HasSubstr("'t'")
    );
}

TEST(Safetensors, RefusesUnknownTypesRepeatedNamesAndBadMetadata) {
    EXPECT_THAT(refusal(R"({"t":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}})", 8), HasSubstr("F99"));
    EXPECT_THAT(refusal(R"({"t":{"shape":[2],"data_offsets":[0,8]}})", 8), HasSubstr("'t'"));
    EXPECT_THAT(refusal(R"({"t":3})", 8), HasSubstr("'t'"));
    EXPECT_THAT(
        refusal(
            R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"t":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
            8
        ),
        HasSubstr("twice")
    );
    EXPECT_THAT(refusal(R"({"__metadata__":{"a":1}})", 0), HasSubstr("__metadata__"));
    EXPECT_FALSE(parse_safetensors(file_of("[]", 0)));
    EXPECT_FALSE(parse_safetensors(file_of(" {}", 0)));
    EXPECT_FALSE(parse_safetensors(file_of("{} x", 0)));
}

TEST(Safetensors, RefusesWhatLiesDeepInItself) {
    std::string deep = R"({"__metadata__":{"a":)";
    for (const char bracket : {'[', ']'}) {
        deep += std::string(100'000, bracket);
    }
    EXPECT_THAT(refusal(deep + "}}", 0), HasSubstr("header"));
    std::string shape = R"({"t":{"dtype":"U8","shape":)" + std::string(50, '[') + std::string(50, ']');
    EXPECT_THAT(refusal(shape + R"(,"data_offsets":[0,0]}})", 0), HasSubstr("header"));
    // Named by another tensor's offsets, or by itself: there is nothing that could refer to anything.
    EXPECT_THAT(refusal(R"({"a":"b","b":"a"})", 0), HasSubstr("'a'"));
}

TEST(Safetensors, RefusesAHugeVocabularyThatTheFileDoesNotHold) {
    EXPECT_THAT(
        refusal(
            R"({"model.embed_tokens.weight":{"dtype":"F32","shape":[1000000000,4096],"data_offsets":[0,16]}})",
            16
        ),
        HasSubstr("'model.embed_tokens.weight': F32 [1000000000, 4096] needs 16384000000000 bytes")
    );
}

TEST(Safetensors, ReadsBackWhatItWrites) {
    const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / new_id() / "t.safetensors";
    const std::vector<float> values = {1, 2, 3, 4, 5, 6};
    const TensorToWrite tensors[] = {
        {.name = "z", .type = DataType::kF32, .shape = {2, 3}, .bytes = std::as_bytes(std::span(values))},
        {.name = "a", .type = DataType::kF32, .shape = {1}, .bytes = std::as_bytes(std::span(values).first(1))
        },
    };
    ASSERT_TRUE(write_safetensors(path, tensors));
    auto file = SafetensorsFile::open(path);
    ASSERT_TRUE(file) << file.error().message;
    const SafetensorsFile moved = std::move(*file);
    const Tensor* tensor = moved.find("z");
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->shape, (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(weight_at(tensor->bytes.data(), tensor->type, 4), 5);
    EXPECT_EQ(moved.find("y"), nullptr);
    EXPECT_THAT(SafetensorsFile::open(path.parent_path() / "none").error().message, HasSubstr("none"));
}

TEST(DataType, ConvertsHalvesBothWays) {
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const float from_f16 = float_of_f16(half);
        const float from_bf16 = float_of_bf16(half);
        if (from_f16 == from_f16) {
            ASSERT_EQ(f16_of_float(from_f16), half);
        }
        if (from_bf16 == from_bf16) {
            ASSERT_EQ(bf16_of_float(from_bf16), half);
        }
    }
    EXPECT_EQ(float_of_f16(0x3C00), 1.0F);
    EXPECT_EQ(float_of_f16(0x0001), 0x1p-24F);
    EXPECT_EQ(f16_of_float(1e6F), 0x7C00);
    EXPECT_EQ(f16_of_float(1.0F + 0x1p-11F), 0x3C00);  // A tie goes to even.
    EXPECT_EQ(bf16_of_float(1.0F + 0x1p-8F), 0x3F80);
}

}  // namespace
}  // namespace capstan::engine
