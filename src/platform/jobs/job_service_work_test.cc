#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/jobs/job_service.h"
#include "platform/jobs/job_test_kit.h"

namespace capstan::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JobServiceWorkTest : public JobTest {
protected:
    void give_up(const std::vector<Job>& jobs, std::size_t count) {
        EXPECT_EQ(jobs.size(), count);
        for (const Job& job : jobs) {
            EXPECT_TRUE(jobs_->give_up(job));
        }
    }
};

TEST_P(JobServiceWorkTest, TakesByPriorityThenAgeAndEachOnce) {
    const Job old = submitted(train());
    const Job young = submitted(train());
    NewJob urgent = train();
    urgent.priority = 1;
    const Job first = submitted(urgent);
    EXPECT_EQ(taken().id, first.id);
    EXPECT_EQ(taken().id, old.id);
    EXPECT_EQ(taken().id, young.id);
    EXPECT_FALSE(*jobs_->take("w", 1000));
}

TEST_P(JobServiceWorkTest, ManyWorkersTakeEachJobOnce) {
    for (int i = 0; i < 20; ++i) {
        submitted(train());
    }
    std::mutex mutex;
    std::multiset<std::string> ids;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
                while (true) {
                    const auto job = jobs_->take(fmt::format("w{}", i), 1000);
                    ASSERT_TRUE(job) << job.error().message;
                    if (!*job) {
                        return;
                    }
                    const std::scoped_lock lock(mutex);
                    ids.insert((*job)->id);
                }
            });
        }
    }
    EXPECT_EQ(ids.size(), 20U);
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 20U);
}

TEST_P(JobServiceWorkTest, AFailedJobReturnsWhenItsTimeHasCome) {
    const Job job = submitted(train());
    const auto again = jobs_->end(taken(), failure());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->state, JobState::kQueued);
    EXPECT_FALSE(*jobs_->take("w", 1000));
    now_ms_ = again->not_before_ms - 1;
    EXPECT_FALSE(*jobs_->take("w", 1000));
    now_ms_ = again->not_before_ms;
    const Job second = taken();
    EXPECT_EQ(second.id, job.id);
    EXPECT_EQ(second.attempt, 2);
    now_ms_ = jobs_->end(second, failure())->not_before_ms;
    EXPECT_EQ(jobs_->end(taken(), failure())->state, JobState::kFailed);
    EXPECT_FALSE(*jobs_->take("w", 1000));
    EXPECT_EQ(jobs_->retry("p", job.id)->attempts_max, 4);
    EXPECT_EQ(jobs_->end(taken(), success())->state, JobState::kSucceeded);
    EXPECT_EQ(jobs_->retry("p", job.id).error().code, ErrorCode::kConflict);
}

TEST_P(JobServiceWorkTest, AnExpiredLeaseGoesToAnotherAndTheFirstIsTooLate) {
    submitted(train());
    const Job first = taken();
    ASSERT_TRUE(jobs_->start(first, "pid"));
    now_ms_ += 999;
    EXPECT_TRUE(jobs_->overdue()->empty());
    now_ms_ += 1;
    give_up(*jobs_->overdue(), 1);
    now_ms_ += 10'000;
    const Job second = taken();
    EXPECT_EQ(second.id, first.id);
    EXPECT_EQ(jobs_->end(first, success()).error().code, ErrorCode::kConflict);
    EXPECT_EQ(jobs_->report(first, {{.message = "", .metrics = {}}}).error().code, ErrorCode::kConflict);
    EXPECT_TRUE(jobs_->renew({first}, 1000)->empty());
    EXPECT_TRUE(jobs_->end(second, success()));
}

TEST_P(JobServiceWorkTest, ARenewedLeaseDoesNotExpire) {
    submitted(train());
    const Job job = taken();
    now_ms_ += 900;
    EXPECT_EQ(jobs_->renew({job}, 1000)->size(), 1U);
    now_ms_ += 900;
    EXPECT_TRUE(jobs_->overdue()->empty());
    EXPECT_EQ(jobs_->get("p", job.id)->version, job.version);
}

TEST_P(JobServiceWorkTest, AWorkerThatStartsAgainGivesUpItsFormerJobsAtOnce) {
    submitted(train());
    submitted(train());
    const Job mine = taken();
    const Job others = **jobs_->take("other", 1000);
    give_up(*jobs_->taken_by("w"), 1);
    EXPECT_EQ(jobs_->get("p", mine.id)->state, JobState::kQueued);
    EXPECT_LE(jobs_->get("p", mine.id)->not_before_ms, now_ms_ + 1'000);
    EXPECT_EQ(jobs_->get("p", others.id)->state, JobState::kLeased);
}

TEST_P(JobServiceWorkTest, AJobWithoutAttemptsLeftIsLost) {
    NewJob asked = train();
    asked.attempts_max = 1;
    jobs_->on_finished("train", {.record = record});
    const Job job = submitted(asked);
    taken();
    now_ms_ += 1000;
    give_up(*jobs_->overdue(), 1);
    EXPECT_EQ(jobs_->get("p", job.id)->state, JobState::kLost);
    EXPECT_EQ(outcomes("lost"), 1);
}

TEST_P(JobServiceWorkTest, TheHookRecordsInTheTransactionOfTheState) {
    int after = 0;
    std::vector<std::string> seen;
    jobs_->on_finished(
        "train",
        {.on_started = [&](const Job& job) { seen.push_back("started " + std::string(name_of(job.state))); },
         .on_progress = [&](const Job&, const auto& reports
                        ) { seen.push_back(fmt::format("{} reports", reports.size())); },
         .prepare = [&](const Job& job) -> Result<Json> {
             seen.push_back("prepare " + job.result->dump());
             return Json::object({{"note", "stored"}});
         },
         .record = record,
         .after = [&](const Job& job) { after += job.state == JobState::kSucceeded ? 1 : 100; }}
    );
    submitted(train());
    const Job job = taken();
    ASSERT_TRUE(jobs_->start(job, "pid"));
    ASSERT_TRUE(jobs_->report(
        job, {{.step = 1, .message = "", .metrics = {}}, {.step = 2, .message = "", .metrics = {}}}
    ));
    ASSERT_TRUE(jobs_->end(job, success()));
    EXPECT_THAT(seen, ElementsAre("started running", "2 reports", R"(prepare {"n":1})"));
    EXPECT_EQ(outcomes("succeeded"), 1);
    EXPECT_EQ(after, 1);
    EXPECT_EQ(jobs_->end(job, success()).error().code, ErrorCode::kConflict);
    EXPECT_EQ(outcomes("succeeded"), 1);
}

TEST_P(JobServiceWorkTest, AnAttemptThatWillBeRepeatedIsNotRecorded) {
    jobs_->on_finished("train", {.record = record});
    submitted(train());
    ASSERT_TRUE(jobs_->end(taken(), failure()));
    EXPECT_EQ(outcomes("failed") + outcomes("queued"), 0);
}

TEST_P(JobServiceWorkTest, ASuccessThatTheRoomRefusesIsAFailureThatItHearsOf) {
    jobs_->on_finished(
        "train", {.record = [](soci::session& session, const Job& job, const Json& prepared) -> Result<void> {
            if (auto recorded = record(session, job, prepared);
                !recorded || job.state != JobState::kSucceeded) {
                return recorded;
            }
            return Error{ErrorCode::kInvalid, "the dataset has gone"};
        }}
    );
    submitted(train());
    const auto job = jobs_->end(taken(), success());
    ASSERT_TRUE(job);
    EXPECT_EQ(job->state, JobState::kFailed);
    EXPECT_THAT(*job->error, HasSubstr("could not be recorded: the dataset has gone"));
    EXPECT_EQ(outcomes("succeeded"), 0);
    EXPECT_EQ(outcomes("failed"), 1);
}

TEST_P(JobServiceWorkTest, ARoomCannotKeepAJobFromEnding) {
    jobs_->on_finished("train", {.record = [](soci::session&, const Job&, const Json&) -> Result<void> {
                           return Error{ErrorCode::kInternal, "never"};
                       }});
    submitted(train());
    EXPECT_EQ(jobs_->end(taken(), success())->state, JobState::kFailed);
    const Job queued = submitted(train());
    EXPECT_EQ(jobs_->cancel("p", queued.id)->state, JobState::kCancelled);
}

TEST_P(JobServiceWorkTest, ARoomThatIsUnavailableIsAskedAgain) {
    bool is_away = true;
    jobs_->on_finished("train", {.record = [&](soci::session&, const Job&, const Json&) -> Result<void> {
                           return is_away ? Result<void>(Error{ErrorCode::kUnavailable, "away"})
                                          : Result<void>();
                       }});
    submitted(train());
    const Job job = taken();
    EXPECT_EQ(jobs_->end(job, success()).error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(jobs_->get("p", job.id)->state, JobState::kLeased);
    is_away = false;
    EXPECT_EQ(jobs_->end(job, success())->state, JobState::kSucceeded);
}

TEST_P(JobServiceWorkTest, AnOutcomeThatCannotBePreparedIsAFailure) {
    jobs_->on_finished("train", {.prepare = [](const Job&) -> Result<Json> {
                           return Error{ErrorCode::kInvalid, "no such file out/model"};
                       }});
    submitted(train());
    const auto job = jobs_->end(taken(), success());
    EXPECT_EQ(job->state, JobState::kFailed);
    EXPECT_THAT(*job->error, HasSubstr("out/model"));
}

TEST_P(JobServiceWorkTest, AResultThatIsTooLargeIsAFailure) {
    submitted(train());
    AttemptEnd end = success();
    end.result = Json(std::string(std::size_t{5} << 20, 'x'));
    const auto job = jobs_->end(taken(), end);
    EXPECT_EQ(job->state, JobState::kFailed);
    EXPECT_EQ(job->error_code, ErrorCode::kTooLarge);
}

TEST_P(JobServiceWorkTest, AFolderGoesLongAfterItsJob) {
    const Job job = submitted(train());
    EXPECT_FALSE(*jobs_->is_long_over(job.id, 1000));
    ASSERT_TRUE(jobs_->cancel("p", job.id));
    now_ms_ += 1000;
    EXPECT_FALSE(*jobs_->is_long_over(job.id, 1000));
    now_ms_ += 1;
    EXPECT_TRUE(*jobs_->is_long_over(job.id, 1000));
    now_ms_ = system_now_ms();
    EXPECT_FALSE(*jobs_->is_long_over(new_id(), 1'000'000));
    EXPECT_TRUE(*jobs_->is_long_over("01800000-0000-7000-8000-000000000000", 1000));
}

INSTANTIATE_TEST_SUITE_P(Databases, JobServiceWorkTest, sql::both_dialects(), sql::dialect_name);

}  // namespace
}  // namespace capstan::jobs
