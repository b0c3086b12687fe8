// Attempts on an executor that behaves like a scheduler far away: slow, forgetful, sometimes not there.

#include "platform/jobs/attempt_worker.h"

#include <deque>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/jobs/job_runner.h"
#include "platform/jobs/job_test_kit.h"
#include "platform/process/process_test_kit.h"

namespace capstan::jobs {
namespace {

using process::eventually;
using testing::ElementsAre;
using testing::HasSubstr;

// Answers as the test has written down; the last answer stays.
class ScriptedExecutor : public JobExecutor {
public:
    std::string_view name() const override { return "scripted"; }

    Result<std::string> submit(const Attempt& attempt) override {
        const std::scoped_lock lock(mutex_);
        if (attempt.number > 1) {
            answers_ = {AttemptStatus{}};  // What was said of the attempt before is over.
        }
        attempts_.push_back(attempt);
        return submitted_;
    }

    Result<AttemptStatus> poll(const std::string& handle) override {
        const std::scoped_lock lock(mutex_);
        EXPECT_EQ(handle, *submitted_);
        polls_ += 1;
        Result<AttemptStatus> answer = answers_.front();
        if (answers_.size() > 1) {
            answers_.pop_front();
        }
        return answer;
    }

    Result<void> cancel(const std::string&, std::int64_t grace_ms) override {
        const std::scoped_lock lock(mutex_);
        graces_ms_.push_back(grace_ms);
        answers_ = {AttemptStatus{.phase = AttemptPhase::kEnded, .signal = 15}};
        return {};
    }

    void forget(const std::string&) override {
        const std::scoped_lock lock(mutex_);
        forgotten_ += 1;
    }

    void on_change(std::function<void()>) override {}

    void answer(
        std::deque<Result<AttemptStatus>> answers, Result<std::string> submitted = std::string("slurm-7")
    ) {
        const std::scoped_lock lock(mutex_);
        answers_ = std::move(answers);
        submitted_ = std::move(submitted);
    }

    template <typename Read>
    auto read(Read read) {
        const std::scoped_lock lock(mutex_);
        return read(*this);
    }

    std::mutex mutex_;
    std::deque<Result<AttemptStatus>> answers_ = {AttemptStatus{}};
    Result<std::string> submitted_ = std::string("slurm-7");
    std::vector<Attempt> attempts_;
    std::vector<std::int64_t> graces_ms_;
    int polls_ = 0;
    int forgotten_ = 0;
};

class AttemptWorkerTest : public JobTest {
protected:
    Job run() {
        submitted(train());
        AttemptWorker worker(inputs(), taken());
        worker.run();
        EXPECT_TRUE(worker.is_done());
        return *jobs_->get("p", worker.job().id);
    }

    AttemptWorker::Inputs inputs() {
        return {*jobs_, executor_, folders_, {.look_ms = 1, .terminate_grace_ms = 77}};
    }

    static AttemptStatus ended(int exit_code) {
        return {.phase = AttemptPhase::kEnded, .exit_code = exit_code};
    }

    const process::TestFolder folder_;
    const JobFolders folders_{folder_.path()};
    ScriptedExecutor executor_;
};

TEST_P(AttemptWorkerTest, SeesAnAttemptThroughASchedulerThatWaitsAndIsAwayAtTimes) {
    executor_.answer(
        {AttemptStatus{.phase = AttemptPhase::kWaiting},
         Error{ErrorCode::kUnavailable, "slurmctld does not answer"},
         AttemptStatus{.phase = AttemptPhase::kRunning},
         ended(0)}
    );
    const Job job = run();
    EXPECT_EQ(job.state, JobState::kSucceeded);
    EXPECT_EQ(executor_.polls_, 4);
    EXPECT_EQ(executor_.forgotten_, 1);
    ASSERT_EQ(executor_.attempts_.size(), 1U);
    EXPECT_EQ(executor_.attempts_[0].folder, folder_ / job.id);
    EXPECT_EQ(executor_.attempts_[0].number, 1);
    EXPECT_TRUE(std::filesystem::exists(folder_ / job.id / "spec.json"));
}

TEST_P(AttemptWorkerTest, AnAttemptThatTheExecutorForgotFailed) {
    executor_.answer({Error{ErrorCode::kNotFound, "job 7 is unknown"}});
    const Job job = run();
    EXPECT_EQ(job.state, JobState::kQueued);
    EXPECT_THAT(*job.error, HasSubstr("nobody knows how (job 7 is unknown)"));
}

TEST_P(AttemptWorkerTest, AnAttemptThatTheExecutorForgotMayHaveLeftItsResult) {
    submitted(train());
    const Job held = taken();
    std::jthread result([&] {
        EXPECT_TRUE(eventually([&] { return executor_.read([](auto& each) { return each.polls_ > 0; }); }));
        EXPECT_TRUE(folders_.of(held.id).write_result(Error{ErrorCode::kInvalid, "bad data"}));
        executor_.answer({Error{ErrorCode::kNotFound, "job 7 is unknown"}});
    });
    AttemptWorker worker(inputs(), held);
    worker.run();
    EXPECT_EQ(jobs_->get("p", held.id)->state, JobState::kFailed);
    EXPECT_EQ(jobs_->get("p", held.id)->error, "bad data");
}

TEST_P(AttemptWorkerTest, WhatCannotStartIsTriedAgainOnlyIfThatCouldHelp) {
    executor_.answer({AttemptStatus{}}, Error{ErrorCode::kExhausted, "the queue is full"});
    EXPECT_EQ(run().state, JobState::kQueued);
    now_ms_ += 1'000'000;
    executor_.answer({AttemptStatus{}}, Error{ErrorCode::kInvalid, "no such partition"});
    taken();  // The first job again: out of the way.
    const Job job = run();
    EXPECT_EQ(job.state, JobState::kFailed);
    EXPECT_EQ(job.error, "no such partition");
}

TEST_P(AttemptWorkerTest, ACancelReachesTheExecutorOnceWithGrace) {
    submitted(train());
    AttemptWorker worker(inputs(), taken());
    std::jthread thread([&] { worker.run(); });
    ASSERT_TRUE(eventually([&] { return jobs_->get("p", worker.job().id)->state == JobState::kRunning; }));
    ASSERT_TRUE(jobs_->cancel("p", worker.job().id));
    worker.cancel();
    worker.cancel();
    thread.join();
    EXPECT_THAT(executor_.graces_ms_, ElementsAre(77));
    EXPECT_EQ(jobs_->get("p", worker.job().id)->state, JobState::kCancelled);
    EXPECT_EQ(jobs_->get("p", worker.job().id)->signal, 15);
}

TEST_P(AttemptWorkerTest, AJobThatIsAnothersIsEndedAtOnceAndNotRecorded) {
    submitted(train());
    AttemptWorker worker(inputs(), taken());
    std::jthread thread([&] { worker.run(); });
    ASSERT_TRUE(eventually([&] { return jobs_->get("p", worker.job().id)->state == JobState::kRunning; }));
    ASSERT_TRUE(jobs_->give_up(*jobs_->get("p", worker.job().id)));
    worker.lose();
    thread.join();
    EXPECT_THAT(executor_.graces_ms_, ElementsAre(0));
    const Job job = *jobs_->get("p", worker.job().id);
    EXPECT_EQ(job.state, JobState::kQueued);
    EXPECT_EQ(job.signal, std::nullopt);
}

TEST_P(AttemptWorkerTest, AJobThatWasTakenAwayWhileItStartedIsEndedAtOnce) {
    submitted(train());
    const Job held = taken();
    ASSERT_TRUE(jobs_->give_up(held));
    AttemptWorker worker(inputs(), held);
    worker.run();
    EXPECT_THAT(executor_.graces_ms_, ElementsAre(0));
    EXPECT_EQ(jobs_->get("p", held.id)->state, JobState::kQueued);
}

TEST_P(AttemptWorkerTest, AServerThatStopsGivesTheJobBack) {
    submitted(train());
    AttemptWorker worker(inputs(), taken());
    worker.stop();
    worker.run();
    const Job job = *jobs_->get("p", worker.job().id);
    EXPECT_EQ(job.state, JobState::kQueued);
    EXPECT_EQ(job.attempt, 0);
}

TEST_P(AttemptWorkerTest, AnEndThatCannotBeRecordedNowIsRecordedLater) {
    int refusals = 3;
    jobs_->on_finished("train", {.record = [&](soci::session&, const Job&, const Json&) -> Result<void> {
                           refusals -= 1;
                           return refusals >= 0 ? Result<void>(Error{ErrorCode::kUnavailable, "away"})
                                                : Result<void>();
                       }});
    executor_.answer({ended(0)});
    EXPECT_EQ(run().state, JobState::kSucceeded);
    EXPECT_EQ(refusals, -1);
}

// The runner on such an executor: what happens when its lease is another's.
TEST_P(AttemptWorkerTest, ARunnerThatLostALeaseEndsTheAttemptBeforeItBeginsTheNext) {
    JobRunnerOptions options{.owner = "w", .folder = folder_.path()};
    options.attempt.look_ms = 2;
    auto runner = JobRunner::start(*jobs_, executor_, options);
    ASSERT_TRUE(runner);
    const Job job = submitted(train());
    ASSERT_TRUE(eventually([&] { return jobs_->get("p", job.id)->state == JobState::kRunning; }));
    ASSERT_TRUE(jobs_->give_up(*jobs_->get("p", job.id)));
    now_ms_ += 10'000;  // Leases are to be renewed, and the job is due again.
    ASSERT_TRUE(eventually([&] {
        return executor_.read([](auto& each) { return each.attempts_.size() == 2; });
    }));
    EXPECT_EQ(executor_.read([](auto& each) { return each.graces_ms_.front(); }), 0);
    executor_.answer({ended(0)});
    EXPECT_TRUE(eventually([&] { return jobs_->get("p", job.id)->is_final(); }));
    EXPECT_EQ(jobs_->get("p", job.id)->attempt, 2);
}

INSTANTIATE_TEST_SUITE_P(Databases, AttemptWorkerTest, sql::both_dialects(), sql::dialect_name);

}  // namespace
}  // namespace capstan::jobs
