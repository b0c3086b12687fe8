#pragma once

// For *_test.cc only: a JobService on each database, with a clock that the test moves.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "platform/jobs/job_service.h"
#include "platform/jobs/migrations.h"
#include "platform/sql/test_database.h"

namespace capstan::jobs {

class JobTest : public sql::DatabaseTest {
protected:
    static constexpr int kQueuedMax = 100;

    void SetUp() override {
        DatabaseTest::SetUp();
        migrate(platform::migrations());
        run_sql("CREATE TABLE outcomes (job_id TEXT NOT NULL, state TEXT NOT NULL, note TEXT NOT NULL)");
        make_service();
    }

    // Again after reopen(), which takes the database away from under it.
    void make_service() {
        jobs_ = std::make_unique<JobService>(JobService::Inputs{
            .database = database(),
            .next_id = new_id,
            .now_ms = [this] { return now_ms_.load(); },
            .queued_max = kQueuedMax
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

}  // namespace capstan::jobs
