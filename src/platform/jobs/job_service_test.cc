#include "platform/jobs/job_service.h"

#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/jobs/job_test_kit.h"

namespace capstan::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JobServiceTest : public JobTest {};

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
    for (int i = 0; i < kQueuedMax; ++i) {
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

INSTANTIATE_TEST_SUITE_P(Databases, JobServiceTest, sql::both_dialects(), sql::dialect_name);

}  // namespace
}  // namespace capstan::jobs
