#include "engine/files/gguf_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/file.h"
#include "base/id.h"
#include "engine/files/checkpoint.h"
#include "engine/files/gguf_writer.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

TEST(PieceName, IsReadAsItIsWritten) {
    const auto name = parse_piece_name("a-model-00002-of-00010.gguf");
    ASSERT_TRUE(name);
    EXPECT_EQ(name->stem, "a-model");
    EXPECT_EQ(name->number, 2);
    EXPECT_EQ(name->count, 10);
    EXPECT_EQ(name->file_name(), "a-model-00002-of-00010.gguf");
    for (const char* other :
         {"a.gguf",
          "a-00003-of-00002.gguf",
          "a-00000-of-00002.gguf",
          "a-1-of-2.gguf",
          "a-0000x-of-00002.gguf",
          "a-00001-of-00002",
          "00001-of-00002.gguf",
          ".gguf"}) {
        EXPECT_FALSE(parse_piece_name(other)) << other;
    }
}

class GgufSplitTest : public testing::Test {
protected:
    GgufSplitTest() { std::filesystem::create_directories(folder_); }

    struct Piece {
        std::uint32_t index = 0;
        std::uint32_t count = 3;
        std::string tensor;
        std::uint32_t tensors_total = 3;
    };

    std::filesystem::path path(int number) const {
        return folder_ / GgufPieceName{.stem = "m", .number = number, .count = 3}.file_name();
    }

    // As number `number` of three by its name.
    void write(int number, const Piece& piece) const {
        GgufMetadata metadata;
        metadata.add("split.no", piece.index);
        metadata.add("split.count", piece.count);
        metadata.add("split.tensors.count", piece.tensors_total);
        if (number == 1) {
            metadata.add("general.architecture", "llama");
        }
        const GgufTensorPlan plan[] = {{.name = piece.tensor, .type = DataType::kF32, .shape = {8}}};
        auto writer = GgufWriter::open(path(number), metadata, plan);
        CHECK(writer, writer.error().message);
        const std::vector<float> values(8, static_cast<float>(number));
        CHECK(writer->write(std::as_bytes(std::span(values))), "the file can be written");
        CHECK(writer->finish(), "the file can be written");
    }

    void write_all() const {
        write(1, {.index = 0, .tensor = "a"});
        write(2, {.index = 1, .tensor = "b"});
        write(3, {.index = 2, .tensor = "c"});
    }

    std::string refusal() const {
        const auto file = GgufFile::open(path(1));
        return file ? "" : file.error().message;
    }

    std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
};

TEST_F(GgufSplitTest, IsOpenedByItsFirstPiece) {
    write_all();
    auto opened = GgufFile::open(path(1));
    ASSERT_TRUE(opened) << opened.error().message;
    const GgufFile file = std::move(*opened);
    EXPECT_EQ(file.string_or("general.architecture", ""), "llama");
    ASSERT_EQ(file.tensors().size(), 3U);
    EXPECT_EQ(weight_at(file.find_tensor("a")->bytes.data(), DataType::kF32, 7), 1);
    EXPECT_EQ(weight_at(file.find_tensor("c")->bytes.data(), DataType::kF32, 7), 3);
    EXPECT_EQ(find_gguf(folder_), path(1));
}

TEST_F(GgufSplitTest, NamesTheMissingPiece) {
    write_all();
    std::filesystem::remove(path(2));
    EXPECT_THAT(refusal(), HasSubstr("m-00002-of-00003.gguf"));
}

TEST_F(GgufSplitTest, NamesTheBrokenPiece) {
    write_all();
    ASSERT_TRUE(replace_file(path(3), "GGUF"));
    EXPECT_THAT(refusal(), HasSubstr("piece 'm-00003-of-00003.gguf'"));
}

TEST_F(GgufSplitTest, NamesThePieceThatIsAnother) {
    write_all();
    write(2, {.index = 2, .tensor = "b"});
    EXPECT_THAT(refusal(), HasSubstr("piece 'm-00002-of-00003.gguf': must be number 1 of 3"));
    write(2, {.index = 1, .count = 4, .tensor = "b"});
    EXPECT_THAT(refusal(), HasSubstr("which are 1 and 4"));
}

TEST_F(GgufSplitTest, NamesThePieceWithATensorOfAnother) {
    write_all();
    write(3, {.index = 2, .tensor = "a"});
    EXPECT_THAT(
        refusal(), HasSubstr("piece 'm-00003-of-00003.gguf': tensor 'a' is in 'm-00001-of-00003.gguf', too")
    );
}

TEST_F(GgufSplitTest, CountsTheTensors) {
    write_all();
    write(1, {.index = 0, .tensor = "a", .tensors_total = 4});
    EXPECT_THAT(refusal(), HasSubstr("'split.tensors.count' is 4; the pieces have 3"));
}

TEST_F(GgufSplitTest, AnotherThanTheFirstSaysWhatToName) {
    write_all();
    EXPECT_THAT(GgufFile::open(path(2)).error().message, HasSubstr("'…-00001-of-00003.gguf'"));
    const auto renamed = folder_ / "renamed.gguf";
    std::filesystem::rename(path(1), renamed);
    EXPECT_THAT(GgufFile::open(renamed).error().message, HasSubstr("one of 3 pieces"));
    write(1, {.index = 0, .count = 1'000'000, .tensor = "a"});
    EXPECT_THAT(refusal(), HasSubstr("'split.count'"));
}

}  // namespace
}  // namespace capstan::engine
