#include "platform/jobs/job_runner.h"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/jobs/job_test_kit.h"
#include "platform/jobs/local_executor.h"
#include "platform/process/process_test_kit.h"

namespace capstan::jobs {
namespace {

using process::eventually;
using testing::HasSubstr;

// Writes the result of a job atomically, as JobDirectory does.
constexpr const char* kResultOk = "echo '{\"ok\":true,\"value\":{\"n\":1}}' > r.tmp && mv r.tmp result.json";

class JobRunnerTest : public JobTest {
protected:
    void SetUp() override {
        JobTest::SetUp();
        auto host = process::ProcessHost::start({.owner = new_id()});
        ASSERT_TRUE(host);
        host_ = std::move(*host);
        executor_ = std::make_unique<LocalExecutor>(
            *host_, LocalExecutorOptions{.output_bytes_max = 1000, .nice = 0}
        );
    }

    void TearDown() override {
        runner_.reset();
        executor_.reset();
        host_.reset();
        JobTest::TearDown();
    }

    void run_with(JobRunnerOptions options = {}) {
        options.owner = "w";
        options.folder = folder_.path();
        options.attempt.look_ms = 10;
        options.lease_ms = 1'000'000'000;  // Of the test's clock.
        auto runner = JobRunner::start(*jobs_, *executor_, options);
        ASSERT_TRUE(runner);
        runner_ = std::move(*runner);
    }

    // A job whose process is sh with `script`, in its own folder; $F is the test's.
    NewJob shell(const std::string& script) const {
        NewJob asked = train();
        asked.argv = {"sh", "-c", script};
        asked.environment = {{"F", folder_.path().string()}};
        asked.attempts_max = 1;
        return asked;
    }

    Job finished(const std::string& id) {
        Job job;
        EXPECT_TRUE(eventually([&] {
            job = *jobs_->get("p", id);
            return job.is_final();
        })) << name_of(job.state);
        return job;
    }

    bool reaches(const std::string& id, JobState state) {
        return eventually([&] { return jobs_->get("p", id)->state == state; });
    }

    const process::TestFolder folder_;
    std::unique_ptr<process::ProcessHost> host_;
    std::unique_ptr<LocalExecutor> executor_;
    std::unique_ptr<JobRunner> runner_;
};

TEST_P(JobRunnerTest, RunsAJobAndKeepsItsResult) {
    run_with();
    NewJob asked = shell(std::string("cat spec.json; echo err >&2; ") + kResultOk);
    asked.spec = Json::object({{"steps", 3}});
    const Job job = finished(submitted(asked).id);
    EXPECT_EQ(job.state, JobState::kSucceeded) << job.error.value_or("");
    EXPECT_EQ(job.result->dump(), R"({"n":1})");
    EXPECT_EQ(job.exit_code, 0);
    EXPECT_EQ(job.attempt, 1);
    EXPECT_TRUE(job.started_ms && job.finished_ms);
    EXPECT_THAT(
        runner_->folders().output(job.id, OutputStream::kStandardOutput, 0, 1000)->text,
        HasSubstr("\"steps\": 3")
    );
    EXPECT_EQ(runner_->folders().output(job.id, OutputStream::kStandardError, 0, 1000)->text, "err\n");
}

TEST_P(JobRunnerTest, FillsInTheFolderOfTheJob) {
    run_with();
    NewJob asked = train();
    asked.argv = {"test", "-f", "{job_dir}"};
    asked.attempts_max = 1;
    EXPECT_EQ(finished(submitted(asked).id).exit_code, 1);
    asked.argv = {"test", "-d", "{job_dir}"};
    EXPECT_EQ(finished(submitted(asked).id).exit_code, 0);
}

TEST_P(JobRunnerTest, RecordsExitCodesSignalsAndReasons) {
    run_with();
    const Job code = finished(submitted(shell("echo broken pipe >&2; exit 9")).id);
    EXPECT_EQ(code.state, JobState::kFailed);
    EXPECT_EQ(code.exit_code, 9);
    EXPECT_EQ(code.error, "its process ended with exit code 9: broken pipe");
    const Job signal = finished(submitted(shell("kill -9 $$")).id);
    EXPECT_EQ(signal.signal, SIGKILL);
    const Job said =
        finished(submitted(shell("echo '{\"ok\":false,\"error\":{\"code\":\"invalid\",\"message\":\"no "
                                 "data\"}}' > result.json; exit 2"))
                     .id);
    EXPECT_EQ(said.error, "no data");
    EXPECT_EQ(said.error_code, ErrorCode::kInvalid);
    NewJob missing = train();
    missing.argv = {"no-such-program"};
    EXPECT_THAT(*finished(submitted(missing).id).error, HasSubstr("no-such-program"));
    NewJob slow = shell("sleep 1000");
    slow.limits.run_ms_max = 20;
    EXPECT_THAT(*finished(submitted(slow).id).error, HasSubstr("its time was over"));
}

TEST_P(JobRunnerTest, TriesAgainOnTheSameFolderWhenItsTimeHasCome) {
    run_with();
    NewJob asked =
        shell(std::string("echo x >> work/tries; [ $(wc -l < work/tries) -ge 3 ] || exit 1; ") + kResultOk);
    asked.attempts_max = 3;
    const Job job = submitted(asked);
    for (int attempt = 1; attempt <= 2; ++attempt) {
        ASSERT_TRUE(eventually([&] {
            const Job now = *jobs_->get("p", job.id);
            return now.state == JobState::kQueued && now.attempt == attempt;
        }));
        EXPECT_EQ(jobs_->get("p", job.id)->exit_code, 1);
        now_ms_ += retry_delay_ms({}, job.id, attempt);
    }
    const Job done = finished(job.id);
    EXPECT_EQ(done.state, JobState::kSucceeded);
    EXPECT_EQ(done.attempt, 3);
}

TEST_P(JobRunnerTest, AResultOfAFailedAttemptIsNotTakenForTheNextOnes) {
    run_with();
    NewJob asked = shell(
        "[ -e work/second ] && exit 0; touch work/second; echo "
        "'{\"ok\":false,\"error\":{\"code\":\"unavailable\",\"message\":\"x\"}}' > result.json; exit 1"
    );
    asked.attempts_max = 2;
    const Job job = submitted(asked);
    ASSERT_TRUE(eventually([&] { return jobs_->get("p", job.id)->error == "x"; }));
    now_ms_ += 10'000;
    EXPECT_EQ(finished(job.id).state, JobState::kSucceeded);
}

TEST_P(JobRunnerTest, PassesOnProgress) {
    std::mutex mutex;
    std::vector<std::int64_t> steps;
    jobs_->on_finished("train", {.on_progress = [&](const Job&, const std::vector<JobProgress>& reports) {
                           const std::scoped_lock lock(mutex);
                           for (const JobProgress& report : reports) {
                               steps.push_back(report.step);
                           }
                       }});
    run_with();
    const Job job = finished(submitted(shell("for i in 1 2 3; do echo "
                                             "\"{\\\"step\\\":$i,\\\"steps_total\\\":3,\\\"metrics\\\":{"
                                             "\\\"loss\\\":0.$i}}\" >> progress.jsonl; sleep 0.03; done"))
                                 .id);
    ASSERT_TRUE(job.progress);
    EXPECT_EQ(job.progress->step, 3);
    EXPECT_EQ(job.progress->metrics.at("loss"), 0.3);
    EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2, 3}));
}

TEST_P(JobRunnerTest, CancelsARunningJobWithAllItStarted) {
    run_with({.attempt = {.terminate_grace_ms = 30}});
    const Job job =
        submitted(shell("trap '' TERM; setsid sh -c 'echo $$ > $F/grandchild; exec sleep 1000' & echo $$ > "
                        "$F/pid; while :; do sleep 0.01; done"));
    const auto child = folder_.process("pid");
    const auto grandchild = folder_.process("grandchild");
    ASSERT_TRUE(jobs_->cancel("p", job.id));
    const Job done = finished(job.id);
    EXPECT_EQ(done.state, JobState::kCancelled);
    EXPECT_EQ(done.signal, SIGKILL);
    EXPECT_FALSE(is_running(child));
    EXPECT_FALSE(is_running(grandchild));
    EXPECT_EQ(jobs_->retry("p", job.id)->state, JobState::kQueued);
    EXPECT_TRUE(reaches(job.id, JobState::kRunning));
}

TEST_P(JobRunnerTest, RunsOnlySoManyAtOnceAndAllInTheEnd) {
    run_with({.parallel_max = 3});
    std::vector<std::string> ids;
    for (int i = 0; i < 12; ++i) {
        ids.push_back(submitted(shell("mkdir $F/slot1 2>/dev/null || mkdir $F/slot2 2>/dev/null || mkdir "
                                      "$F/slot3 2>/dev/null || exit 7; sleep 0.02; rmdir $F/slot1 "
                                      "2>/dev/null || rmdir $F/slot2 2>/dev/null || rmdir $F/slot3"))
                          .id);
    }
    for (const std::string& id : ids) {
        EXPECT_EQ(finished(id).exit_code, 0);
    }
    EXPECT_TRUE(eventually([&] { return runner_->running() == 0; }));
}

TEST_P(JobRunnerTest, OutputIsBoundedWithANotice) {
    run_with();
    const Job job = finished(submitted(shell("head -c 500000 /dev/zero | tr '\\0' x; echo the end")).id);
    const auto part = runner_->folders().output(job.id, OutputStream::kStandardOutput, -100, 100);
    EXPECT_THAT(part->text, testing::EndsWith("the end\n"));
    EXPECT_LT(part->next_offset, 70'000U);
    EXPECT_THAT(
        runner_->folders().output(job.id, OutputStream::kStandardOutput, 990, 200)->text,
        HasSubstr("left out here")
    );
}

TEST_P(JobRunnerTest, AServerThatStopsGivesItsJobsBackUncounted) {
    run_with();
    const Job job = submitted(shell(
        std::string("echo x >> work/starts; [ -e work/go ] || { trap 'touch work/go; exit 143' TERM; echo $$ "
                    "> $F/pid; while :; do sleep 0.01; done; }; ") +
        kResultOk
    ));
    folder_.process("pid");
    ASSERT_TRUE(reaches(job.id, JobState::kRunning));
    runner_->stop();
    const Job waiting = *jobs_->get("p", job.id);
    EXPECT_EQ(waiting.state, JobState::kQueued);
    EXPECT_EQ(waiting.attempt, 0);
    run_with();
    EXPECT_EQ(finished(job.id).state, JobState::kSucceeded);
}

TEST_P(JobRunnerTest, AnEndThatAnEarlierServerDidNotRecordIsTakenOver) {
    const Job job = submitted(shell("echo x >> $F/starts; exit 1"));
    const Job held = taken();
    ASSERT_TRUE(jobs_->start(held, "pid"));
    ASSERT_TRUE(JobFolders(folder_.path()).of(job.id).create(job.spec));
    ASSERT_TRUE(JobFolders(folder_.path()).of(job.id).write_result(Json("made before")));
    run_with();  // One attempt is all it had, and that has ended: nothing is run again.
    EXPECT_EQ(finished(job.id).state, JobState::kSucceeded);
    EXPECT_EQ(jobs_->get("p", job.id)->attempt, 1);
    EXPECT_EQ(jobs_->get("p", job.id)->result, Json("made before"));
    EXPECT_EQ(folder_.read("starts"), "");
}

TEST_P(JobRunnerTest, RemovesFoldersOfJobsThatAreLongOver) {
    run_with({.keep_ms = 1'000, .sweep_ms = 100});
    const Job job = finished(submitted(shell("true")).id);
    EXPECT_TRUE(std::filesystem::exists(folder_ / job.id));
    now_ms_ += 1'002;
    jobs_->announce();
    EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(folder_ / job.id); }));
}

TEST_P(JobRunnerTest, OptionsAreChecked) {
    EXPECT_FALSE(JobRunner::start(*jobs_, *executor_, {.owner = "", .folder = folder_.path()}));
    EXPECT_FALSE(JobRunner::start(
        *jobs_, *executor_, {.owner = "w", .folder = folder_.path(), .lease_ms = 5, .renew_ms = 5}
    ));
}

INSTANTIATE_TEST_SUITE_P(Databases, JobRunnerTest, sql::both_dialects(), sql::dialect_name);

}  // namespace
}  // namespace capstan::jobs
