#include "platform/jobs/job_folder.h"

#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"

namespace capstan::jobs {
namespace {

using testing::HasSubstr;

class JobFolderTest : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(folders_.of(job_.id).create(Json::object())); }

    void TearDown() override { ASSERT_TRUE(remove_tree(folder_)); }

    std::filesystem::path file(const std::string& name) const { return folder_ / job_.id / name; }

    void write(const std::string& name, const std::string& text) const {
        ASSERT_TRUE(replace_file(file(name), text));
    }

    OutputPart output(std::int64_t offset, std::size_t bytes_max = 1000) const {
        return folders_.output(job_.id, OutputStream::kStandardOutput, offset, bytes_max)
            .value_or(OutputPart{});
    }

    const std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
    const JobFolders folders_{folder_};
    const Job job_{.id = new_id(), .attempt = 2};
};

TEST_F(JobFolderTest, GivesOutputFromAnOffsetOn) {
    EXPECT_EQ(output(0).text, "");
    EXPECT_EQ(output(7).next_offset, 7U);
    write("stdout.log", "hello world");
    EXPECT_EQ(output(0, 5).text, "hello");
    EXPECT_EQ(output(0, 5).next_offset, 5U);
    EXPECT_EQ(output(5).text, " world");
    EXPECT_EQ(output(5).next_offset, 11U);
    EXPECT_EQ(output(11).text, "");
    EXPECT_EQ(output(99).next_offset, 11U);
    EXPECT_EQ(output(-5).text, "world");
    EXPECT_EQ(output(-500).text, "hello world");
}

TEST_F(JobFolderTest, OutputEndsAtWholeCharactersAndIsAlwaysUtf8) {
    write("stdout.log", "a€b");
    EXPECT_EQ(output(0, 2).text, "a");
    EXPECT_EQ(output(0, 2).next_offset, 1U);
    EXPECT_EQ(output(1, 3).text, "€");
    EXPECT_EQ(output(2, 3).text, "\uFFFD\uFFFDb");
    write("stdout.log", "x\xE2\x82");
    EXPECT_EQ(output(1).text, "\uFFFD\uFFFD");  // The end for ever: shown rather than waited for.
    EXPECT_EQ(output(1).next_offset, 3U);
}

TEST_F(JobFolderTest, KeepsTheStreamsApart) {
    write("stderr.log", "oh");
    EXPECT_EQ(folders_.output(job_.id, OutputStream::kStandardError, 0, 10)->text, "oh");
    EXPECT_EQ(output(0).text, "");
}

TEST_F(JobFolderTest, SuccessIsExitCodeZeroAndAGoodResultIfThereIsOne) {
    EXPECT_TRUE(folders_.end_of(job_, {.phase = AttemptPhase::kEnded, .exit_code = 0}).result->is_null());
    ASSERT_TRUE(folders_.of(job_.id).write_result(Json(7)));
    EXPECT_EQ(folders_.end_of(job_, {.phase = AttemptPhase::kEnded, .exit_code = 0}).result, Json(7));
    EXPECT_FALSE(folders_.end_of(job_, {.phase = AttemptPhase::kEnded, .exit_code = 1}).result);
    ASSERT_TRUE(folders_.of(job_.id).write_result(Error{ErrorCode::kInvalid, "no data"}));
    const AttemptEnd refused = folders_.end_of(job_, {.phase = AttemptPhase::kEnded, .exit_code = 0});
    EXPECT_EQ(refused.result.error().message, "no data");
    EXPECT_FALSE(refused.may_retry);
    ASSERT_TRUE(folders_.of(job_.id).write_result(Error{ErrorCode::kExhausted, "no memory"}));
    EXPECT_TRUE(folders_.end_of(job_, {.phase = AttemptPhase::kEnded, .exit_code = 6}).may_retry);
}

TEST_F(JobFolderTest, AFailureWithoutAResultSaysHowAndTheLastWords) {
    write("stderr.log", "first\nerror: no GPU\x01\xFF\n\n");
    const AttemptEnd code = folders_.end_of(job_, {.phase = AttemptPhase::kEnded, .exit_code = 3});
    EXPECT_EQ(code.result.error().message, "its process ended with exit code 3: error: no GPU\uFFFD");
    EXPECT_EQ(code.exit_code, 3);
    EXPECT_TRUE(code.may_retry);
    const AttemptEnd signal =
        folders_.end_of(job_, {.phase = AttemptPhase::kEnded, .signal = SIGKILL, .reason = "out of memory"});
    EXPECT_THAT(signal.result.error().message, HasSubstr("signal 9 (Killed) (out of memory)"));
    const AttemptEnd gone = folders_.end_of(job_, {.phase = AttemptPhase::kEnded, .reason = "no process 5"});
    EXPECT_THAT(gone.result.error().message, HasSubstr("nobody knows how (no process 5)"));
}

TEST_F(JobFolderTest, FindsAnEndThatNobodyRecorded) {
    EXPECT_FALSE(folders_.unrecorded_end(job_));
    ASSERT_TRUE(folders_.of(job_.id).write_result(Json("made")));
    EXPECT_EQ(folders_.unrecorded_end(job_)->result, Json("made"));
    ASSERT_TRUE(folders_.of(job_.id).write_result(Error{ErrorCode::kNotFound, "no such dataset"}));
    ASSERT_TRUE(folders_.unrecorded_end(job_));
    EXPECT_FALSE(folders_.unrecorded_end(job_)->may_retry);
    write("result.json", "{");
    EXPECT_FALSE(folders_.unrecorded_end(job_)->result);
}

TEST_F(JobFolderTest, PutsAResultAside) {
    EXPECT_TRUE(folders_.put_result_aside(job_));
    ASSERT_TRUE(folders_.of(job_.id).write_result(Error{ErrorCode::kInternal, "x"}));
    EXPECT_TRUE(folders_.put_result_aside(job_));
    EXPECT_FALSE(folders_.unrecorded_end(job_));
    EXPECT_TRUE(std::filesystem::exists(file("result.attempt-2.json")));
}

TEST_F(JobFolderTest, SweepsOnlyWhatMayGoAndIsAJob) {
    const std::string other = new_id();
    ASSERT_TRUE(folders_.of(other).create(Json::object()));
    ASSERT_TRUE(replace_file(folder_ / "notes/x", ""));
    EXPECT_EQ(*folders_.sweep([&](const std::string& id) { return id != job_.id; }), 1);
    EXPECT_FALSE(std::filesystem::exists(folder_ / other));
    EXPECT_TRUE(std::filesystem::exists(folder_ / job_.id));
    EXPECT_TRUE(std::filesystem::exists(folder_ / "notes"));
    EXPECT_EQ(*JobFolders(folder_ / "missing").sweep([](const auto&) { return true; }), 0);
}

}  // namespace
}  // namespace capstan::jobs
