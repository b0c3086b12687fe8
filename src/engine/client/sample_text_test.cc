#include "engine/client/sample_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"

namespace capstan::engine {
namespace {

using testing::HasSubstr;

TEST(SampleText, JoinsTheDocumentsOfJsonLines) {
    EXPECT_EQ(join_documents("{\"text\": \"a\"}\n\n{\"id\": 1, \"text\": \"b\"}").value(), "a\n\nb");
    EXPECT_EQ(join_documents("").value(), "");
}

TEST(SampleText, NamesTheLineThatIsNoDocument) {
    EXPECT_THAT(join_documents("{\"text\": \"a\"}\n{\"text\": 1}").error().message, HasSubstr("line 2"));
    EXPECT_THAT(join_documents("{\"text\": \"a\"").error().message, HasSubstr("line 1"));
    EXPECT_THAT(join_documents("[\"text\"]").error().message, HasSubstr("line 1"));
}

TEST(SampleText, TheNameOfAFileSaysWhatItIs) {
    const auto folder = std::filesystem::path(testing::TempDir()) / new_id();
    std::filesystem::create_directories(folder);
    for (const char* name : {"a.jsonl", "a.txt"}) {
        ASSERT_TRUE(replace_file(folder / name, "{\"text\": \"a\"}\n"));
    }
    EXPECT_EQ(read_sample_text(folder / "a.jsonl").value(), "a");
    EXPECT_EQ(read_sample_text(folder / "a.txt").value(), "{\"text\": \"a\"}\n");
    EXPECT_FALSE(read_sample_text(folder / "none.txt"));
}

}  // namespace
}  // namespace capstan::engine
