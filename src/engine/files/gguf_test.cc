#include "engine/files/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/id.h"
#include "base/test_paths.h"
#include "engine/files/gguf_writer.h"

namespace capstan::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path kGolden = source_directory() / "tests/golden/engine/gguf";

// Files by hand, so that anything can be wrong in them.
class Bytes {
public:
    template <typename T>
    Bytes& number(T value) {
        text_.append(reinterpret_cast<const char*>(&value), sizeof value);
        return *this;
    }

    Bytes& string(std::string_view text) {
        number(std::uint64_t{text.size()});
        text_ += text;
        return *this;
    }

    Bytes& head(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3) {
        text_ += "GGUF";
        return number(version).number(tensors).number(keys);
    }

    Bytes& key(std::string_view name, GgufType type) {
        return string(name).number(static_cast<std::uint32_t>(type));
    }

    Bytes& array(std::string_view name, GgufType type, std::uint64_t elements) {
        return key(name, GgufType::kArray).number(static_cast<std::uint32_t>(type)).number(elements);
    }

    // Sizes in the file's order, the row's first.
    Bytes& tensor(
        std::string_view name, std::vector<std::uint64_t> sizes, std::uint32_t type, std::uint64_t offset
    ) {
        string(name).number(static_cast<std::uint32_t>(sizes.size()));
        for (const std::uint64_t size : sizes) {
            number(size);
        }
        return number(type).number(offset);
    }

    Bytes& data(std::size_t bytes) {
        text_.resize((text_.size() + 31) / 32 * 32 + bytes, '\0');
        return *this;
    }

    const std::string& text() const { return text_; }

private:
    std::string text_;
};

std::string refusal(const Bytes& file) {
    const auto content = parse_gguf(file.text());
    EXPECT_FALSE(content);
    return content ? "" : content.error().message;
}

std::string refusal_of_tensor(
    std::vector<std::uint64_t> sizes, std::uint32_t type, std::uint64_t offset, std::size_t bytes
) {
    return refusal(Bytes().head(1, 0).tensor("t", std::move(sizes), type, offset).data(bytes));
}

// tests/golden/engine/make_gguf_goldens.py wrote it with the gguf package.
TEST(Gguf, ReadsWhatTheReferenceWrote) {
    const auto file = GgufFile::open(kGolden / "every_kind.gguf");
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->string_or("general.architecture", ""), "llama");
    EXPECT_EQ(file->find("test.u8")->as_int(), 200);
    EXPECT_EQ(file->find("test.i8")->as_int(), -100);
    EXPECT_EQ(file->find("test.u16")->as_int(), 60'000);
    EXPECT_EQ(file->find("test.i16")->as_int(), -30'000);
    EXPECT_EQ(file->find("test.u32")->as_int(), 4'000'000'000);
    EXPECT_EQ(file->int_or("test.i32", 0), -2'000'000'000);
    EXPECT_EQ(file->find("test.i64")->as_int(), -9'000'000'000'000'000'000);
    EXPECT_EQ(file->find("test.u64")->as_int(), std::nullopt);  // More than 63 bits.
    EXPECT_EQ(file->double_or("test.f32", 0), 0.5);
    EXPECT_EQ(file->double_or("test.f64", 0), 1e-300);
    EXPECT_TRUE(file->bool_or("test.bool", false));
    EXPECT_EQ(file->string_or("test.string", ""), "grüße");
    EXPECT_THAT(*file->find("test.strings")->as_strings(), ElementsAre("a", "", "long enough"));
    EXPECT_THAT(*file->find("test.ints")->as_ints(), ElementsAre(1, -2, 3));
    EXPECT_THAT(*file->find("test.floats")->as_doubles(), ElementsAre(0.25, -8));
    EXPECT_EQ(file->find("test.none"), nullptr);
    const Tensor* tensor = file->find_tensor("matrix");
    ASSERT_NE(tensor, nullptr);
    EXPECT_THAT(tensor->shape, ElementsAre(2, 3));
    EXPECT_EQ(weight_at(tensor->bytes.data(), tensor->type, 4), 5);
    const Tensor* blocks = file->find_tensor("blocks");
    ASSERT_NE(blocks, nullptr);
    EXPECT_EQ(blocks->type, DataType::kQ8_0);
    EXPECT_THAT(blocks->shape, ElementsAre(2, 64));
    EXPECT_EQ(blocks->elements(), 128);
}

TEST(Gguf, ReadsVersion2) {
    const Bytes file =
        Bytes().head(1, 1, 2).key("k", GgufType::kU32).number(7U).tensor("t", {2}, 0, 0).data(8);
    const auto content = parse_gguf(file.text());
    ASSERT_TRUE(content) << content.error().message;
    EXPECT_EQ(content->version, 2U);
    EXPECT_EQ(content->metadata.at("k").as_int(), 7);
}

TEST(Gguf, RefusesOtherVersionsAndOtherFiles) {
    EXPECT_THAT(refusal(Bytes().head(0, 0, 1)), HasSubstr("version 1"));
    EXPECT_THAT(refusal(Bytes().head(0, 0, 4)), HasSubstr("version 4"));
    EXPECT_THAT(refusal(Bytes().head(0, 0, 0x03000000)), HasSubstr("little endian"));
    EXPECT_THAT(refusal(Bytes().string("GGUF")), HasSubstr("does not start"));
    EXPECT_FALSE(parse_gguf(""));
}

TEST(Gguf, RefusesAFileThatIsCutAnywhere) {
    Bytes file;
    file.head(1, 3).key("s", GgufType::kString).string("text").key("b", GgufType::kBool).number(true);
    file.array("a", GgufType::kString, 2).string("x").string("yy").tensor("t", {4}, 0, 0).data(16);
    ASSERT_TRUE(parse_gguf(file.text())) << parse_gguf(file.text()).error().message;
    for (std::size_t bytes = 0; bytes < file.text().size(); ++bytes) {
        EXPECT_FALSE(parse_gguf(std::string_view(file.text()).substr(0, bytes))) << bytes;
    }
}

TEST(Gguf, RefusesCountsThatTheFileCannotHold) {
    EXPECT_THAT(refusal(Bytes().head(std::uint64_t{1} << 62, 0)), HasSubstr("tensors"));
    EXPECT_THAT(refusal(Bytes().head(0, ~std::uint64_t{0})), HasSubstr("keys"));
    // A vocabulary of 10^9 tokens, and lengths that overflow when added to anything.
    EXPECT_THAT(
        refusal(Bytes().head(0, 1).array("tokenizer.ggml.tokens", GgufType::kString, 1'000'000'000).data(99)),
        HasSubstr("'tokenizer.ggml.tokens': claims 1000000000 elements")
    );
    EXPECT_THAT(
        refusal(Bytes().head(0, 1).array("k", GgufType::kF64, ~std::uint64_t{0} / 8 + 2).data(99)),
        HasSubstr("'k': claims")
    );
    EXPECT_THAT(
        refusal(
            Bytes().head(0, 1).key("k", GgufType::kString).number(~std::uint64_t{0}).number(std::uint64_t{0})
        ),
        HasSubstr("'k'")
    );
}

TEST(Gguf, LimitsArraysInArrays) {
    const auto nested = [](int depth) {
        Bytes file;
        file.head(0, 1).key("k", GgufType::kArray);
        for (int i = 1; i < depth; ++i) {
            file.number(static_cast<std::uint32_t>(GgufType::kArray)).number(std::uint64_t{1});
        }
        return file.number(static_cast<std::uint32_t>(GgufType::kU8)).number(std::uint64_t{1}).data(16);
    };
    EXPECT_TRUE(parse_gguf(nested(kGgufDepthMax).text()));
    EXPECT_THAT(refusal(nested(kGgufDepthMax + 1)), HasSubstr("deep"));
    EXPECT_THAT(refusal(nested(1'000)), HasSubstr("deep"));
}

TEST(Gguf, RefusesRepeatedAndNamelessThings) {
    EXPECT_THAT(
        refusal(
            Bytes().head(0, 2).key("k", GgufType::kBool).number(true).key("k", GgufType::kBool).number(true)
        ),
        HasSubstr("'k': is there twice")
    );
    EXPECT_THAT(
        refusal(Bytes().head(2, 0).tensor("t", {8}, 0, 0).tensor("t", {8}, 0, 32).data(64)),
        HasSubstr("'t': is there twice")
    );
    EXPECT_THAT(
        refusal(Bytes().head(0, 1).key("", GgufType::kBool).number(true).data(8)), HasSubstr("names")
    );
    EXPECT_THAT(
        refusal(Bytes().head(1, 0).tensor(std::string(2'000, 'n'), {8}, 0, 0).data(32)), HasSubstr("names")
    );
    EXPECT_THAT(
        refusal(Bytes().head(0, 1).key("k", static_cast<GgufType>(13)).number(std::uint64_t{0})),
        HasSubstr("'k': has the unknown type 13")
    );
}

TEST(Gguf, NamesTheTensorWithAnImpossibleShapeTypeOrOffset) {
    EXPECT_THAT(refusal_of_tensor({std::uint64_t{1} << 62, 4}, 0, 0, 64), HasSubstr("'t': shape"));
    EXPECT_THAT(refusal_of_tensor({std::uint64_t{1} << 62}, 0, 0, 64), HasSubstr("'t'"));
    EXPECT_THAT(refusal_of_tensor({~std::uint64_t{0}}, 0, 0, 64), HasSubstr("'t': dimension 0"));
    EXPECT_THAT(refusal_of_tensor({0, 4}, 0, 0, 64), HasSubstr("'t': dimension 0"));
    EXPECT_THAT(refusal_of_tensor({1, 1, 1, 1, 1}, 0, 0, 64), HasSubstr("'t': must have at most 4"));
    EXPECT_THAT(refusal_of_tensor({33}, 8, 0, 64), HasSubstr("'t': rows of 33"));
    EXPECT_THAT(refusal_of_tensor({16, 2}, 8, 0, 64), HasSubstr("'t': rows of 16"));
    EXPECT_THAT(refusal_of_tensor({256}, 10, 0, 84), HasSubstr("'t': is of ggml's type 10"));
    EXPECT_THAT(refusal_of_tensor({8}, 99, 0, 64), HasSubstr("'t': is of ggml's type 99"));
    EXPECT_THAT(refusal_of_tensor({8}, 0, 64, 64), HasSubstr("'t': F32 [8] at offset 64"));
    EXPECT_THAT(refusal_of_tensor({8}, 0, ~std::uint64_t{0} - 31, 64), HasSubstr("'t'"));
    EXPECT_THAT(refusal_of_tensor({2}, 0, 8, 64), HasSubstr("'t': offset 8 is not aligned"));
}

TEST(Gguf, RefusesTensorsThatOverlap) {
    EXPECT_THAT(
        refusal(Bytes().head(2, 0).tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).data(64)),
        HasSubstr("'b': overlaps tensor 'a'")
    );
    EXPECT_THAT(
        refusal(Bytes().head(2, 0).tensor("a", {8}, 0, 0).tensor("b", {8}, 0, 0).data(64)),
        HasSubstr("overlaps")
    );
}

TEST(Gguf, HoldsTheFileToItsAlignment) {
    for (const std::uint32_t alignment : {0U, 3U, 1U << 30}) {
        EXPECT_THAT(
            refusal(Bytes().head(0, 1).key("general.alignment", GgufType::kU32).number(alignment)),
            HasSubstr("general.alignment")
        );
    }
    Bytes file;
    file.head(1, 1).key("general.alignment", GgufType::kU32).number(64U).tensor("t", {1}, 0, 64);
    std::string text = file.text();
    text.resize((text.size() + 63) / 64 * 64 + 68, '\1');
    const auto content = parse_gguf(text);
    ASSERT_TRUE(content) << content.error().message;
    EXPECT_EQ(
        reinterpret_cast<const char*>(content->tensors.at("t").bytes.data()), text.data() + text.size() - 4
    );
}

class GgufWriterTest : public testing::Test {
protected:
    GgufWriterTest() { std::filesystem::create_directories(directory_); }

    std::filesystem::path directory_ = std::filesystem::path(testing::TempDir()) / new_id();
    std::filesystem::path path_ = directory_ / "t.gguf";
};

TEST_F(GgufWriterTest, ReadsBackWhatItWrites) {
    GgufMetadata metadata;
    metadata.add("u", 7U);
    metadata.add("wide", std::uint64_t{1} << 40);
    metadata.add("f", 0.5F);
    metadata.add("b", true);
    metadata.add("s", "text");
    const std::vector<std::string> strings = {"a", "bc"};
    metadata.add("strings", strings);
    const std::vector<float> floats = {1, 2};
    metadata.add("floats", floats);
    const std::vector<std::int32_t> ints = {-1, 3};
    metadata.add("ints", ints);
    const std::vector<GgufTensorPlan> plan = {
        {.name = "odd", .type = DataType::kF32, .shape = {3}},
        {.name = "m", .type = DataType::kQ4_0, .shape = {2, 32}},
    };
    auto writer = GgufWriter::open(path_, metadata, plan);
    ASSERT_TRUE(writer) << writer.error().message;
    std::vector<std::byte> bytes(12 + 36);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(i);
    }
    ASSERT_TRUE(writer->write(std::span(bytes).first(20)));  // Across the first tensor's end.
    EXPECT_FALSE(std::filesystem::exists(path_));
    ASSERT_TRUE(writer->write(std::span(bytes).subspan(20)));
    ASSERT_TRUE(writer->finish());
    const auto file = GgufFile::open(path_);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->int_or("u", 0), 7);
    EXPECT_EQ(file->int_or("wide", 0), std::int64_t{1} << 40);
    EXPECT_EQ(file->double_or("f", 0), 0.5);
    EXPECT_TRUE(file->bool_or("b", false));
    EXPECT_EQ(file->string_or("s", ""), "text");
    EXPECT_THAT(*file->find("strings")->as_strings(), ElementsAre("a", "bc"));
    EXPECT_THAT(*file->find("floats")->as_doubles(), ElementsAre(1, 2));
    EXPECT_THAT(*file->find("ints")->as_ints(), ElementsAre(-1, 3));
    EXPECT_THAT(file->find_tensor("m")->shape, ElementsAre(2, 32));
    EXPECT_TRUE(std::ranges::equal(file->find_tensor("m")->bytes, std::span(bytes).subspan(12)));
}

TEST_F(GgufWriterTest, CopiesValuesOfOtherFiles) {
    const auto source = GgufFile::open(kGolden / "every_kind.gguf");
    ASSERT_TRUE(source) << source.error().message;
    GgufMetadata metadata;
    for (const auto& [key, value] : source->metadata()) {
        metadata.copy(key, value);
    }
    auto writer = GgufWriter::open(path_, metadata, {});
    ASSERT_TRUE(writer && writer->finish());
    const auto copy = GgufFile::open(path_);
    ASSERT_TRUE(copy) << copy.error().message;
    ASSERT_EQ(copy->metadata().size(), source->metadata().size());
    for (const auto& [key, value] : source->metadata()) {
        EXPECT_EQ(copy->find(key)->bytes, value.bytes) << key;
        EXPECT_EQ(copy->find(key)->type, value.type) << key;
        EXPECT_EQ(copy->find(key)->elements, value.elements) << key;
    }
}

TEST_F(GgufWriterTest, LeavesNothingWhenItDoesNotFinish) {
    const std::vector<GgufTensorPlan> plan = {{.name = "t", .type = DataType::kF32, .shape = {3}}};
    {
        ASSERT_TRUE(GgufWriter::open(path_, {}, plan));
    }
    EXPECT_TRUE(std::filesystem::is_empty(directory_));
    const std::vector<GgufTensorPlan> broken = {{.name = "t", .type = DataType::kQ8_0, .shape = {4, 33}}};
    EXPECT_THAT(GgufWriter::open(path_, {}, broken).error().message, HasSubstr("'t': rows of 33"));
}

}  // namespace
}  // namespace capstan::engine
