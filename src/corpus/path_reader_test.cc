#include "corpus/path_reader.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "corpus/line_reader.h"
#include "corpus/testing.h"

namespace capstan::corpus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ReadPath : public testing::Test {
protected:
    TemporaryFolder folder;
    DropLog dropped{5};
    PathSettings settings{.path = folder.path()};
    std::vector<std::string> got;  // "id=text" or "id?question"

    Result<void> read() {
        return read_path(settings, dropped, [this](const Item& item) -> Result<void> {
            if (const auto* record = std::get_if<Record>(&item)) {
                got.push_back(record->id + "=" + record->text);
            } else {
                got.push_back(std::get<Pair>(item).id + "?" + std::get<Pair>(item).question);
            }
            return {};
        });
    }
};

TEST_F(ReadPath, ReadsAFolderInTheOrderOfNames) {
    folder.write("b.txt", "bee");
    folder.write("a/deep.MD", "dee");
    folder.write(
        "c.jsonl",
        "{\"id\":\"x\",\"text\":\"ex\"}\n\n{\"text\":\"why\"}\r\n{\"question\":\"q\",\"answer\":\"a\"}"
    );
    ASSERT_TRUE(read());
    EXPECT_THAT(got, ElementsAre("a/deep.MD=dee", "b.txt=bee", "x=ex", "c.jsonl:3=why", "c.jsonl:4?q"));
}

TEST_F(ReadPath, ReadsOneFileOfAnyName) {
    settings.path = folder.write("notes.log", "text");
    ASSERT_TRUE(read());
    EXPECT_THAT(got, ElementsAre("notes.log=text"));
}

TEST_F(ReadPath, SaysWhyAFileCannotBeUsed) {
    settings.text_file_bytes_max = 1000;
    folder.write("empty.txt", " \n");
    folder.write("zero.jsonl", "");
    folder.write("binary.txt", std::string_view("a\0b", 3));
    folder.write("big.txt", std::string(1001, 'x'));
    folder.write("page.html", "<p>");
    folder.write(".hidden.txt", "x");
    folder.write("ok.txt", "ok \xFF");
    std::filesystem::create_symlink("/etc/passwd", folder.path() / "link.txt");
    ASSERT_EQ(::mkfifo((folder.path() / "pipe.txt").c_str(), 0600), 0);
    ASSERT_TRUE(read());
    EXPECT_THAT(got, ElementsAre("ok.txt=ok \xFF"));
    for (const auto* reason :
         {"binary", "file_too_large", "not_a_text_name", "hidden", "link", "not_a_regular_file"}) {
        EXPECT_EQ(dropped.count(reason), 1U) << reason;
    }
    EXPECT_EQ(dropped.count("empty"), 2U);
}

TEST_F(ReadPath, SaysWhyALineCannotBeUsed) {
    settings.line_bytes_max = 100;
    folder.write(
        "x.jsonl",
        "{\"text\":\"" + std::string(200, 'x') +
            "\"}\n{\"text\":1}\n[1]\n{\"text\":\"\"}\n{\"text\":\"\xFF\"}\n{\"other\":1}\n"
            "{\"question\":\"q\"}\n{\"id\":3,\"text\":\"x\"}\n{\"text\":\"good\"}"
    );
    ASSERT_TRUE(read());
    EXPECT_THAT(got, ElementsAre("x.jsonl:9=good"));
    EXPECT_EQ(dropped.count("line_too_long"), 1U);
    EXPECT_EQ(dropped.count("not_json"), 2U);
    EXPECT_EQ(dropped.count("not_a_record"), 5U);
}

TEST_F(ReadPath, RefusesWhatIsNotThereAndTooManyFiles) {
    settings.path = folder.path() / "nowhere";
    EXPECT_EQ(read().error().code, ErrorCode::kNotFound);
    settings = {.path = folder.path(), .files_max = 1};
    folder.write("a.txt", "a");
    folder.write("b.txt", "b");
    EXPECT_EQ(read().error().code, ErrorCode::kTooLarge);
}

TEST_F(ReadPath, StopsAtTheDepthLimit) {
    settings.depth_max = 2;
    folder.write("1/2/ok.txt", "ok");
    folder.write("1/2/3/deep.txt", "deep");
    ASSERT_TRUE(read());
    EXPECT_THAT(got, ElementsAre("1/2/ok.txt=ok"));
    EXPECT_EQ(dropped.count("too_deep"), 1U);
}

TEST_F(ReadPath, PassesTheSinksErrorOn) {
    folder.write("a.txt", "a");
    const auto result = read_path(settings, dropped, [](const Item&) -> Result<void> {
        return Error{ErrorCode::kTooLarge, "full"};
    });
    EXPECT_EQ(result.error().message, "full");
}

TEST(LineReader, ReadsLinesOfEveryKindAndSkipsLongOnes) {
    const TemporaryFolder folder;
    const std::string huge(1'000'000, 'h');
    const auto file = folder.write("lines", "a\n\nb\r\n" + huge + "\nc\n" + huge);
    auto reader = LineReader::open(file, 10);
    ASSERT_TRUE(reader);
    std::vector<std::string> lines;
    while (true) {
        const auto line = reader->next();
        ASSERT_TRUE(line);
        if (!*line) {
            break;
        }
        lines.push_back(
            std::to_string((*line)->number) + ":" +
            ((*line)->is_too_long ? std::to_string((*line)->bytes) : std::string((*line)->text))
        );
    }
    EXPECT_THAT(lines, ElementsAre("1:a", "2:", "3:b", "4:1000000", "5:c", "6:1000000"));
}

TEST(LineReader, CutsAtAnyBoundaryOfItsBuffer) {
    const TemporaryFolder folder;
    std::string content;
    for (int i = 0; i < 60'000; ++i) {
        content += std::string(static_cast<std::size_t>(i % 23), 'x') + "\n";
    }
    auto reader = LineReader::open(folder.write("lines", content), 100);
    ASSERT_TRUE(reader);
    for (int i = 0; i < 60'000; ++i) {
        const auto line = reader->next();
        ASSERT_TRUE(line && *line);
        ASSERT_EQ((*line)->text.size(), static_cast<std::size_t>(i % 23));
    }
    EXPECT_FALSE(*reader->next());
}

}  // namespace
}  // namespace capstan::corpus
