#include "trainer/safetensors.h"

#include <cstring>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/test_paths.h"

namespace capstan::trainer {
namespace {

using testing::HasSubstr;

std::string file_of(std::string_view header, std::string_view data) {
    const std::uint64_t size = header.size();
    std::string file(sizeof(size), '\0');
    std::memcpy(file.data(), &size, sizeof(size));
    return file.append(header).append(data);
}

void expect_refused(std::string_view header, std::string_view data, std::string_view why) {
    const auto content = parse_safetensors(file_of(header, data));
    ASSERT_FALSE(content) << header;
    EXPECT_EQ(content.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(content.error().message, HasSubstr(std::string(why)));
}

TEST(Safetensors, ReadsBackWhatItWrote) {
    const auto path = std::filesystem::path(testing::TempDir()) / new_id();
    const TensorViews tensors{
        {"b", {DataType::kFloat32, {2}, "12345678"}},
        {"a", {DataType::kBFloat16, {1, 3}, "abcdef"}},
        {"none", {DataType::kInt64, {0, 5}, ""}},
        {"scalar", {DataType::kUint8, {}, "x"}},
    };
    const auto sha256 = write_safetensors(path, tensors, {{"format", "pt"}});
    ASSERT_TRUE(sha256) << sha256.error().message;
    EXPECT_EQ(*sha256, sha256_hex(*read_file(path)));
    const auto file = SafetensorsFile::open(path);
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_EQ(file->tensors().size(), 4U);
    for (const auto& [name, tensor] : tensors) {
        EXPECT_EQ(file->tensors().at(name).type, tensor.type);
        EXPECT_EQ(file->tensors().at(name).shape, tensor.shape);
        EXPECT_EQ(file->tensors().at(name).bytes, tensor.bytes);
    }
    EXPECT_EQ(file->metadata(), (TensorMetadata{{"format", "pt"}}));
}

TEST(Safetensors, ReadsWhatHuggingFaceWrote) {
    const auto file =
        SafetensorsFile::open(source_directory() / "tests/golden/trainer/tied/model.safetensors");
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->tensors().at("model.embed_tokens.weight").shape, (std::vector<std::int64_t>{96, 32}));
}

TEST(Safetensors, RefusesLengthsThatDoNotFit) {
    EXPECT_FALSE(parse_safetensors(""));
    EXPECT_FALSE(parse_safetensors("1234567"));
    EXPECT_FALSE(parse_safetensors(std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)));
    EXPECT_FALSE(parse_safetensors(std::string("\x03\0\0\0\0\0\0\0{}", 10)));
    expect_refused(
        R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234", "do not fit its shape"
    );
    expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", "1234", "outside the file");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "1234", "outside the file");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", "1234", "outside the file");
    expect_refused(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234", "no size");
}

TEST(Safetensors, RefusesAShapeWhoseProductOverflows) {
    expect_refused(
        R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})",
        "",
        "do not fit its shape"
    );
}

TEST(Safetensors, RefusesHolesOverlapsAndStrayBytes) {
    expect_refused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "12", "hole or an overlap");
    expect_refused(
        R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
        "123",
        "hole or an overlap"
    );
    expect_refused(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "12", "belong to no tensor");
}

TEST(Safetensors, RefusesHeadersThatAreNoTable) {
    expect_refused("[]", "", "no JSON object");
    expect_refused(" {}", "", "no JSON object");
    expect_refused("{", "", "header");
    expect_refused(R"({"a":1})", "", "dtype ''");
    expect_refused(R"({"a":{"dtype":"F7","shape":[],"data_offsets":[0,0]}})", "", "dtype 'F7'");
    expect_refused(R"({"__metadata__":{"a":1}})", "", "no string");
    expect_refused(
        R"({"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})",
        "1",
        "header"
    );
}

}  // namespace
}  // namespace capstan::trainer
