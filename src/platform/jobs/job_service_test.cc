#include "platform/jobs/job_service.h"

#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/jobs/migrations.h"
#include "platform/sql/test_database.h"

namespace capstan::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JobServiceTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        migrate(platform::migrations());
        run_sql("CREATE TABLE outcomes (job_id TEXT NOT NULL, state TEXT NOT NULL, note TEXT NOT NULL)");
        make_service();
    }

    void make_service() {
        jobs_ = std::make_unique<JobService>(JobService::Inputs{
            .database = database(),
            .next_id = new_id,
            .now_ms = [this] { return now_ms_.load(); },
            .queued_max = 20
        });
    }

    static NewJob train(std::string project = "p") {
        return {.project_id = std::move(project), .kind = "train", .subject = "run:1", .argv = {"true"}};
    }

    Job submitted(const NewJob& asked) {
        auto job = jobs_->submit(asked);
        EXPECT_TRUE(job) << (job ? "" : job.error().message);
        return *job;
    }

    Job taken() {
        auto job = jobs_->take("w", 1000);
        EXPECT_TRUE(job && *job);
        return **job;
    }

    static AttemptEnd success() { return {.result = Json::object({{"n", 1}}), .exit_code = 0}; }

    static AttemptEnd failure() { return {.result = Error{ErrorCode::kInternal, "broke"}, .exit_code = 1}; }

    std::int64_t outcomes(const std::string& state) {
        return *database().read([&](soci::session& session) -> Result<std::int64_t> {
            return sql::count(
                session, "SELECT COUNT(*) FROM outcomes WHERE state = :state", {{"state", state}}
            );
        });
    }

    static Result<void> record(soci::session& session, const Job& job, const Json& prepared) {
        sql::execute(
            session,
            "INSERT INTO outcomes (job_id, state, note) VALUES (:id, :state, :note)",
            {{"id", job.id}, {"state", name_of(job.state)}, {"note", prepared.string_or("note", "")}}
        );
        return {};
    }

    std::atomic<std::int64_t> now_ms_ = 1'000'000;
    std::unique_ptr<JobService> jobs_;
};

TEST_P(JobServiceTest, KeepsAllThatWasSubmitted) {
    NewJob asked = train();
    asked.idempotency_key = "k";
    asked.spec = Json::object({{"steps", 10}});
    asked.argv = {"capstan", "work", "--job-dir", "{job_dir}"};
    asked.environment = {{"A", "1"}, {"B", "=é"}};
    asked.limits = {.run_ms_max = 5, .memory_bytes = 6, .cpu_seconds = 7};
    asked.priority = -3;
    asked.attempts_max = 5;
    const Job job = submitted(asked);
    reopen();
    make_service();
    const Job read = *jobs_->get("p", job.id);
    EXPECT_EQ(read.spec, asked.spec);
    EXPECT_EQ(read.argv, asked.argv);
    EXPECT_EQ(read.environment, asked.environment);
    EXPECT_EQ(read.limits, asked.limits);
    EXPECT_EQ(read.priority, -3);
    EXPECT_EQ(read.attempts_max, 5);
    EXPECT_EQ(read.state, JobState::kQueued);
    EXPECT_EQ(read.created_ms, 1'000'000);
    EXPECT_EQ(read.idempotency_key, "k");
    EXPECT_EQ(jobs_->get("q", job.id).error().code, ErrorCode::kNotFound);
}

TEST_P(JobServiceTest, ShowsAJobAsTheApiSaysIt) {
    submitted(train());
    const Job job = taken();
    ASSERT_TRUE(jobs_->start(job, "pid"));
    ASSERT_TRUE(jobs_->report(
        job, {{.time_ms = 5, .step = 2, .steps_total = 9, .message = "m", .metrics = {{"loss", 0.5}}}}
    ));
    const Json json = to_json(*jobs_->get("p", job.id));
    EXPECT_EQ(json.string_or("state", ""), "running");
    EXPECT_EQ(
        json["progress"].dump(),
        R"({"time_ms":5,"step":2,"steps_total":9,"message":"m","metrics":{"loss":0.5}})"
    );
    EXPECT_EQ(json.string_or("started_at", ""), "1970-01-01T00:16:40.000Z");
    for (const char* name : {"finished_at", "exit_code", "signal", "error", "result"}) {
        EXPECT_TRUE(json.contains(name) && json[name].is_null()) << name;
    }
    EXPECT_FALSE(json.contains("argv"));
}

TEST_P(JobServiceTest, TheSameKeyGivesTheSameJob) {
    NewJob asked = train();
    asked.idempotency_key = "once";
    const Job first = submitted(asked);
    EXPECT_EQ(submitted(asked).id, first.id);
    NewJob elsewhere = asked;
    elsewhere.project_id = "q";
    EXPECT_NE(submitted(elsewhere).id, first.id);
    asked.idempotency_key.reset();
    EXPECT_NE(submitted(asked).id, submitted(asked).id);
}

TEST_P(JobServiceTest, TheSameKeyGivesTheSameJobToManyAtOnce) {
    NewJob asked = train();
    asked.idempotency_key = "race";
    std::vector<std::string> ids(8);
    {
        std::vector<std::jthread> threads;
        for (std::string& id : ids) {
            threads.emplace_back([&] { id = submitted(asked).id; });
        }
    }
    for (const std::string& id : ids) {
        EXPECT_EQ(id, ids.front());
    }
}

TEST_P(JobServiceTest, ErrorsNameTheField) {
    const auto refusal = [this](const std::function<void(NewJob&)>& spoil) {
        NewJob asked = train();
        spoil(asked);
        const auto job = jobs_->submit(asked);
        EXPECT_FALSE(job);
        return job ? "" : job.error().message;
    };
    EXPECT_THAT(refusal([](NewJob& job) { job.kind = ""; }), HasSubstr("'kind'"));
    EXPECT_THAT(refusal([](NewJob& job) { job.project_id = ""; }), HasSubstr("'project_id'"));
    EXPECT_THAT(refusal([](NewJob& job) { job.subject = std::string(201, 'x'); }), HasSubstr("'subject'"));
    EXPECT_THAT(refusal([](NewJob& job) { job.idempotency_key = ""; }), HasSubstr("'idempotency_key'"));
    EXPECT_THAT(refusal([](NewJob& job) { job.argv = {}; }), HasSubstr("argv"));
    EXPECT_THAT(
        refusal([](NewJob& job) { job.argv = {"a", std::string(200'000, 'x')}; }), HasSubstr("command")
    );
    EXPECT_THAT(refusal([](NewJob& job) { job.attempts_max = 0; }), HasSubstr("'attempts_max'"));
    EXPECT_THAT(refusal([](NewJob& job) { job.priority = 1001; }), HasSubstr("'priority'"));
    EXPECT_THAT(refusal([](NewJob& job) { job.limits.run_ms_max = -1; }), HasSubstr("'limits.run_ms_max'"));
    EXPECT_THAT(
        refusal([](NewJob& job) { job.spec.set("x", std::string(1 << 20, 'y')); }), HasSubstr("'spec'")
    );
    EXPECT_EQ(jobs_->cancel("p", "nope").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(jobs_->retry("p", "nope").error().code, ErrorCode::kNotFound);
}

TEST_P(JobServiceTest, TheQueueOfAProjectIsBounded) {
    for (int i = 0; i < 20; ++i) {
        submitted(train());
    }
    EXPECT_EQ(jobs_->submit(train()).error().code, ErrorCode::kExhausted);
    EXPECT_TRUE(jobs_->submit(train("q")));
}

TEST_P(JobServiceTest, ListsNewestFirstInPagesAndByFilter) {
    std::vector<std::string> ids;
    for (int i = 0; i < 5; ++i) {
        NewJob asked = train();
        asked.kind = i % 2 == 0 ? "train" : "evaluate";
        asked.subject = fmt::format("run:{}", i);
        ids.push_back(submitted(asked).id);
    }
    submitted(train("q"));
    const auto listed = [this](const JobFilter& filter) {
        std::vector<std::string> found;
        for (const Job& job : *jobs_->list(filter)) {
            found.push_back(job.id);
        }
        return found;
    };
    EXPECT_THAT(listed({.project_id = "p", .rows_max = 2}), ElementsAre(ids[4], ids[3]));
    EXPECT_THAT(listed({.project_id = "p", .cursor = ids[3], .rows_max = 2}), ElementsAre(ids[2], ids[1]));
    EXPECT_THAT(listed({.project_id = "p", .kind = "evaluate"}), ElementsAre(ids[3], ids[1]));
    EXPECT_THAT(listed({.project_id = "p", .subject = "run:2"}), ElementsAre(ids[2]));
    ASSERT_TRUE(jobs_->cancel("p", ids[0]));
    EXPECT_THAT(listed({.project_id = "p", .state = JobState::kCancelled}), ElementsAre(ids[0]));
}

TEST_P(JobServiceTest, TakesByPriorityThenAgeAndEachOnce) {
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

TEST_P(JobServiceTest, ManyWorkersTakeEachJobOnce) {
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

TEST_P(JobServiceTest, AFailedJobReturnsWhenItsTimeHasCome) {
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

TEST_P(JobServiceTest, AnExpiredLeaseGoesToAnotherAndTheFirstIsTooLate) {
    submitted(train());
    const Job first = taken();
    ASSERT_TRUE(jobs_->start(first, "pid"));
    now_ms_ += 999;
    EXPECT_EQ(*jobs_->expire(), 0);
    now_ms_ += 1;
    EXPECT_EQ(*jobs_->expire(), 1);
    now_ms_ += 10'000;
    const Job second = taken();
    EXPECT_EQ(second.id, first.id);
    EXPECT_EQ(jobs_->end(first, success()).error().code, ErrorCode::kConflict);
    EXPECT_EQ(jobs_->report(first, {{.message = "", .metrics = {}}}).error().code, ErrorCode::kConflict);
    EXPECT_TRUE(jobs_->renew({first}, 1000)->empty());
    EXPECT_TRUE(jobs_->end(second, success()));
}

TEST_P(JobServiceTest, ARenewedLeaseDoesNotExpire) {
    submitted(train());
    const Job job = taken();
    now_ms_ += 900;
    EXPECT_EQ(jobs_->renew({job}, 1000)->size(), 1U);
    now_ms_ += 900;
    EXPECT_EQ(*jobs_->expire(), 0);
    EXPECT_EQ(jobs_->get("p", job.id)->version, job.version);
}

TEST_P(JobServiceTest, AWorkerThatStartsAgainGivesUpItsFormerJobsAtOnce) {
    submitted(train());
    submitted(train());
    const Job mine = taken();
    const Job others = **jobs_->take("other", 1000);
    EXPECT_EQ(*jobs_->recover("w"), 1);
    EXPECT_EQ(jobs_->get("p", mine.id)->state, JobState::kQueued);
    EXPECT_LE(jobs_->get("p", mine.id)->not_before_ms, now_ms_ + 1'000);
    EXPECT_EQ(jobs_->get("p", others.id)->state, JobState::kLeased);
}

TEST_P(JobServiceTest, AJobWithoutAttemptsLeftIsLost) {
    NewJob asked = train();
    asked.attempts_max = 1;
    jobs_->on_finished("train", {.record = record});
    const Job job = submitted(asked);
    taken();
    now_ms_ += 1000;
    EXPECT_EQ(*jobs_->expire(), 1);
    EXPECT_EQ(jobs_->get("p", job.id)->state, JobState::kLost);
    EXPECT_EQ(outcomes("lost"), 1);
}

TEST_P(JobServiceTest, CancelsWhereverTheJobIs) {
    jobs_->on_finished("train", {.record = record});
    const Job queued = submitted(train());
    EXPECT_EQ(jobs_->cancel("p", queued.id)->state, JobState::kCancelled);
    EXPECT_EQ(jobs_->cancel("p", queued.id)->state, JobState::kCancelled);
    submitted(train());
    const Job leased = taken();
    EXPECT_EQ(jobs_->cancel("p", leased.id)->state, JobState::kLeased);
    EXPECT_EQ(jobs_->end(leased, failure())->state, JobState::kCancelled);
    submitted(train());
    const Job running = taken();
    ASSERT_TRUE(jobs_->start(running, "pid"));
    ASSERT_TRUE(jobs_->cancel("p", running.id));
    EXPECT_EQ(jobs_->end(running, success())->state, JobState::kCancelled);
    submitted(train());
    const Job done = taken();
    ASSERT_TRUE(jobs_->end(done, success()));
    EXPECT_EQ(jobs_->cancel("p", done.id).error().code, ErrorCode::kConflict);
    EXPECT_EQ(jobs_->cancel("q", done.id).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(outcomes("cancelled"), 3);
    EXPECT_EQ(outcomes("succeeded"), 1);
}

TEST_P(JobServiceTest, TheHookRecordsInTheTransactionOfTheState) {
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

TEST_P(JobServiceTest, AnAttemptThatWillBeRepeatedIsNotRecorded) {
    jobs_->on_finished("train", {.record = record});
    submitted(train());
    ASSERT_TRUE(jobs_->end(taken(), failure()));
    EXPECT_EQ(outcomes("failed") + outcomes("queued"), 0);
}

TEST_P(JobServiceTest, ASuccessThatTheRoomRefusesIsAFailureThatItHearsOf) {
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

TEST_P(JobServiceTest, ARoomCannotKeepAJobFromEnding) {
    jobs_->on_finished("train", {.record = [](soci::session&, const Job&, const Json&) -> Result<void> {
                           return Error{ErrorCode::kInternal, "never"};
                       }});
    submitted(train());
    EXPECT_EQ(jobs_->end(taken(), success())->state, JobState::kFailed);
    const Job queued = submitted(train());
    EXPECT_EQ(jobs_->cancel("p", queued.id)->state, JobState::kCancelled);
}

TEST_P(JobServiceTest, ARoomThatIsUnavailableIsAskedAgain) {
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

TEST_P(JobServiceTest, AnOutcomeThatCannotBePreparedIsAFailure) {
    jobs_->on_finished("train", {.prepare = [](const Job&) -> Result<Json> {
                           return Error{ErrorCode::kInvalid, "no such file out/model"};
                       }});
    submitted(train());
    const auto job = jobs_->end(taken(), success());
    EXPECT_EQ(job->state, JobState::kFailed);
    EXPECT_THAT(*job->error, HasSubstr("out/model"));
}

TEST_P(JobServiceTest, AResultThatIsTooLargeIsAFailure) {
    submitted(train());
    AttemptEnd end = success();
    end.result = Json(std::string(std::size_t{5} << 20, 'x'));
    const auto job = jobs_->end(taken(), end);
    EXPECT_EQ(job->state, JobState::kFailed);
    EXPECT_EQ(job->error_code, ErrorCode::kTooLarge);
}

TEST_P(JobServiceTest, WaitsForAChangeOrTheDeadline) {
    const Job job = submitted(train());
    EXPECT_EQ(jobs_->wait_changed("p", job.id, job.version, 1)->version, job.version);
    EXPECT_EQ(jobs_->wait_changed("p", job.id, 0, 60'000)->version, job.version);
    EXPECT_EQ(jobs_->wait_changed("q", job.id, 0, 60'000).error().code, ErrorCode::kNotFound);
    std::jthread canceller([&] { EXPECT_TRUE(jobs_->cancel("p", job.id)); });
    EXPECT_EQ(jobs_->wait_changed("p", job.id, job.version, 60'000)->state, JobState::kCancelled);
}

TEST_P(JobServiceTest, SubmitsInsideATransactionOfARoom) {
    const auto failed = database().transact([&](soci::session& session) -> Result<Job> {
        auto job = jobs_->submit_in(session, train());
        return job ? Result<Job>(Error{ErrorCode::kInvalid, "the room changed its mind"}) : job;
    });
    EXPECT_FALSE(failed);
    EXPECT_TRUE(jobs_->list({.project_id = "p"})->empty());
    EXPECT_TRUE(database().transact([&](soci::session& session) { return jobs_->submit_in(session, train()); }
    ));
    EXPECT_EQ(jobs_->list({.project_id = "p"})->size(), 1U);
}

TEST_P(JobServiceTest, AFolderGoesLongAfterItsJob) {
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

INSTANTIATE_TEST_SUITE_P(Databases, JobServiceTest, sql::both_dialects(), sql::dialect_name);

}  // namespace
}  // namespace capstan::jobs
