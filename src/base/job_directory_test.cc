#include "base/job_directory.h"

#include <csignal>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"

namespace capstan {
namespace {

using testing::HasSubstr;

class JobDirectoryTest : public testing::Test {
protected:
    void TearDown() override { ASSERT_TRUE(remove_tree(job_.path())); }

    void append(std::string_view text) const {
        const auto path = job_.path() / "progress.jsonl";
        auto file = open_file(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
        ASSERT_TRUE(file);
        ASSERT_TRUE(write_all(file->get(), text, path));
    }

    void create() const { ASSERT_TRUE(job_.create(Json::object({{"kind", "train"}}))); }

    const JobDirectory job_{std::filesystem::path(testing::TempDir()) / new_id()};
};

TEST_F(JobDirectoryTest, GivesTheProcessItsSpecificationAndFolders) {
    create();
    EXPECT_EQ(job_.read_spec()->dump(), R"({"kind":"train"})");
    EXPECT_TRUE(std::filesystem::is_directory(job_.out()));
    EXPECT_TRUE(std::filesystem::is_directory(job_.work()));
    create();  // Starting again is no error.
    EXPECT_TRUE(job_.read_spec());
}

TEST_F(JobDirectoryTest, PassesReportsOnce) {
    create();
    std::uint64_t offset = 0;
    EXPECT_TRUE(job_.read_progress(offset)->empty());
    const std::int64_t before = system_now_ms();
    ASSERT_TRUE(job_.report({.step = 1, .steps_total = 9, .message = "warm", .metrics = {{"loss", 2.5}}}));
    ASSERT_TRUE(job_.report({.time_ms = 5, .step = 2, .message = "", .metrics = {}}));
    const auto reports = job_.read_progress(offset);
    ASSERT_TRUE(reports);
    ASSERT_EQ(reports->size(), 2U);
    EXPECT_GE((*reports)[0].time_ms, before);
    EXPECT_EQ((*reports)[0].steps_total, 9);
    EXPECT_EQ((*reports)[0].message, "warm");
    EXPECT_EQ((*reports)[0].metrics.at("loss"), 2.5);
    EXPECT_EQ((*reports)[1].time_ms, 5);
    EXPECT_TRUE(job_.read_progress(offset)->empty());
}

TEST_F(JobDirectoryTest, WaitsForTheRestOfATornLineAndSkipsBadOnes) {
    create();
    append("garbage\n[1]\n{\"step\":1,\"metrics\":{\"a\":\"x\",\"b\":2}}\n{\"st");
    std::uint64_t offset = 0;
    auto reports = job_.read_progress(offset);
    ASSERT_EQ(reports->size(), 1U);
    EXPECT_EQ((*reports)[0].metrics.size(), 1U);
    append("ep\":2}\n");
    reports = job_.read_progress(offset);
    ASSERT_EQ(reports->size(), 1U);
    EXPECT_EQ((*reports)[0].step, 2);
}

TEST_F(JobDirectoryTest, PassesOverALineThatIsTooLongToBeAReport) {
    create();
    append(std::string(std::size_t{5} << 20, 'x') + "\n{\"step\":7}\n");
    std::uint64_t offset = 0;
    EXPECT_TRUE(job_.read_progress(offset)->empty());
    const auto reports = job_.read_progress(offset);
    ASSERT_EQ(reports->size(), 1U);
    EXPECT_EQ((*reports)[0].step, 7);
}

TEST_F(JobDirectoryTest, StartsOverWhenTheFileBecameShorter) {
    create();
    append("{\"step\":1}\n{\"step\":2}\n");
    std::uint64_t offset = 0;
    EXPECT_EQ(job_.read_progress(offset)->size(), 2U);
    ASSERT_TRUE(replace_file(job_.path() / "progress.jsonl", "{\"step\":3}\n"));
    const auto reports = job_.read_progress(offset);
    ASSERT_EQ(reports->size(), 1U);
    EXPECT_EQ((*reports)[0].step, 3);
}

TEST_F(JobDirectoryTest, PassesTheResultOrTheError) {
    create();
    EXPECT_EQ(job_.read_result().error().code, ErrorCode::kNotFound);
    ASSERT_TRUE(job_.write_result(Json::object({{"model", "out/model"}})));
    EXPECT_EQ(job_.read_result()->string_or("model", ""), "out/model");
    ASSERT_TRUE(job_.write_result(Error{ErrorCode::kExhausted, "out of memory"}));
    EXPECT_EQ(job_.read_result().error().code, ErrorCode::kExhausted);
    EXPECT_EQ(job_.read_result().error().message, "out of memory");
}

TEST_F(JobDirectoryTest, ReadsStrangeResultsAsErrors) {
    create();
    ASSERT_TRUE(replace_file(job_.path() / "result.json", "{\"ok\":tr"));
    EXPECT_EQ(job_.read_result().error().code, ErrorCode::kInvalid);
    EXPECT_THAT(job_.read_result().error().message, HasSubstr("result.json"));
    for (const char* text : {"[]", "{}", R"({"ok":"yes"})", R"({"ok":false,"error":7})"}) {
        ASSERT_TRUE(replace_file(job_.path() / "result.json", text));
        EXPECT_EQ(job_.read_result().error().code, ErrorCode::kInternal) << text;
        EXPECT_THAT(job_.read_result().error().message, HasSubstr("gave no reason"));
    }
}

TEST_F(JobDirectoryTest, ASpecificationThatIsBrokenIsNamed) {
    EXPECT_EQ(job_.read_spec().error().code, ErrorCode::kNotFound);
    ASSERT_TRUE(replace_file(job_.path() / "spec.json", "{"));
    EXPECT_THAT(job_.read_spec().error().message, HasSubstr("spec.json"));
}

TEST(StopSignals, SetAFlagInsteadOfEndingTheProcess) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        catch_stop_signals();
        const bool before = stop_requested();
        ::raise(SIGTERM);
        ::_exit(!before && stop_requested() ? 43 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 43);
}

TEST(JobDirectoryInside, FindsOnlyWhatIsInTheFolder) {
    const auto folder = std::filesystem::path(testing::TempDir()) / new_id();
    const JobDirectory directory(folder / "job");
    ASSERT_TRUE(directory.create(Json::object()));
    ASSERT_TRUE(replace_file(folder / "secret", "s"));
    ASSERT_TRUE(replace_file(directory.out() / "a", "a"));
    std::filesystem::create_symlink("a", directory.out() / "good");
    std::filesystem::create_symlink(folder / "secret", directory.out() / "bad");
    for (const char* path : {"out/a", "out", "out/good", "out/../out/a"}) {
        EXPECT_TRUE(directory.inside(path)) << path;
    }
    for (const std::string& path :
         {std::string(),
          std::string("."),
          std::string("out/.."),
          std::string("../secret"),
          std::string("out/bad"),
          (folder / "secret").string()}) {
        const auto found = directory.inside(path);
        ASSERT_FALSE(found) << path;
        EXPECT_EQ(found.error().code, ErrorCode::kInvalid) << path;
    }
    EXPECT_EQ(directory.inside("out/none").error().code, ErrorCode::kNotFound);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace capstan
