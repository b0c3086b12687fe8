#include "tracking/run_service.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include <gtest/gtest.h>

#include "platform/jobs/migrations.h"
#include "platform/sql/test_database.h"
#include "tracking/downsample.h"
#include "tracking/room.h"
#include "tracking/run_routes.h"

namespace capstan::tracking {
namespace {

// A service over an empty database of each kind, with ids id-001, id-002, ... and a clock stopped at 1000.
class RunServiceTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        ASSERT_TRUE(sql::migrate(database(), {platform::migrations(), migrations()}));
        service_ = std::make_unique<RunService>(RunService::Inputs{
            .database = database(),
            .next_id = [this] { return "id-" + std::to_string(++last_id_); },
            .now_ms = [] { return std::int64_t{1000}; },
        });
    }

    Result<tracking::Run> create(std::string name) {
        return service_->create(
            {.project_id = "p",
             .experiment = "e",
             .name = std::move(name),
             .kind = "pretrain",
             .params = {{"lr", "0.1"}}}
        );
    }

    int last_id_ = 100;
    std::unique_ptr<RunService> service_;
};

INSTANTIATE_TEST_SUITE_P(Databases, RunServiceTest, sql::both_dialects(), sql::dialect_name);

TEST_P(RunServiceTest, FindsWhatItCreated) {
    const auto run = create("first");
    ASSERT_TRUE(run) << run.error().message;
    const auto detail = service_->detail("p", run->id);
    ASSERT_TRUE(detail) << detail.error().message;
    EXPECT_EQ(detail->run.name, "first");
    EXPECT_EQ(detail->run.status, RunStatus::kQueued);
    EXPECT_EQ(detail->params.at("lr"), "0.1");
}

TEST_P(RunServiceTest, HidesTheRunsOfOtherProjects) {
    const auto run = create("first");
    EXPECT_EQ(service_->get("other", run->id).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(
        service_->log_metrics("other", run->id, {{"loss", 1, 1.0, 1}}).error().code, ErrorCode::kNotFound
    );
    EXPECT_TRUE(service_->list({.project_id = "other"})->empty());
}

TEST_P(RunServiceTest, RefusesNamesOutOfRange) {
    EXPECT_EQ(create("").error().code, ErrorCode::kInvalid);
    EXPECT_EQ(create(std::string(201, 'x')).error().code, ErrorCode::kInvalid);
    EXPECT_TRUE(service_->list({.project_id = "p"})->empty());
}

TEST_P(RunServiceTest, SaysWhichRunIsMissing) {
    EXPECT_EQ(service_->get("p", "nine").error().message, "no run nine");
}

TEST_P(RunServiceTest, ListsNewestFirstAndPagesByCursor) {
    ASSERT_TRUE(create("a"));
    const auto b = create("b");
    ASSERT_TRUE(create("c"));
    EXPECT_EQ(service_->list({.project_id = "p", .rows_max = 1})->front().name, "c");
    EXPECT_EQ(service_->list({.project_id = "p", .cursor = b->id})->front().name, "a");
    EXPECT_TRUE(service_->list({.project_id = "p", .kind = "lora"})->empty());
}

TEST_P(RunServiceTest, PutsRunsOfOneNameIntoOneExperiment) {
    EXPECT_EQ(create("a")->experiment_id, create("b")->experiment_id);
    EXPECT_EQ(service_->experiments("p", "", 10)->size(), 1U);
}

TEST_P(RunServiceTest, KeepsTheFirstValueOfARepeatedPoint) {
    const auto run = create("a");
    ASSERT_TRUE(service_->log_metrics("p", run->id, {{"loss", 1, 3.0, 10}, {"loss", 2, 2.0, 20}}));
    ASSERT_TRUE(
        service_->log_metrics("p", run->id, {{"loss", 2, 99.0, 21}, {"loss", 3, 1.0, 30}, {"lr", 3, 0.5, 30}})
    );
    const auto points = service_->points("p", run->id, {.name = "loss"});
    ASSERT_EQ(points->size(), 3U);
    EXPECT_EQ((*points)[1].value, 2.0);
    EXPECT_EQ(
        service_->detail("p", run->id)->summary, (std::map<std::string, double>{{"loss", 1.0}, {"lr", 0.5}})
    );
    EXPECT_EQ(*service_->metric_names("p", run->id), (std::vector<std::string>{"loss", "lr"}));
    EXPECT_EQ(service_->points_after(run->id, 2)->size(), 2U);
}

TEST_P(RunServiceTest, LeavesOutValuesThatAreNotFinite) {
    const auto run = create("a");
    ASSERT_TRUE(service_->log_metrics(
        "p", run->id, {{"loss", 1, NAN, 1}, {"loss", 2, INFINITY, 1}, {"loss", 3, 1.0, 1}}
    ));
    EXPECT_EQ(service_->points("p", run->id, {.name = "loss"})->size(), 1U);
}

TEST_P(RunServiceTest, EndsOnce) {
    const auto run = create("a");
    ASSERT_TRUE(service_->start("p", run->id));
    EXPECT_EQ(service_->get("p", run->id)->status, RunStatus::kRunning);
    ASSERT_TRUE(service_->end(
        "p", run->id, {.status = RunStatus::kSucceeded, .artifacts = {{"model.safetensors", "abc", 7}}}
    ));
    ASSERT_TRUE(service_->end("p", run->id, {.status = RunStatus::kFailed, .error = "late"}));
    ASSERT_TRUE(service_->start("p", run->id));
    const auto detail = service_->detail("p", run->id);
    EXPECT_EQ(detail->run.status, RunStatus::kSucceeded);
    EXPECT_EQ(detail->run.error, std::nullopt);
    EXPECT_EQ(detail->artifacts.front().object, "abc");
}

TEST_P(RunServiceTest, ARunWhoseJobIsTriedAgainRunsAgainAndMaySucceed) {
    const auto run = create("a");
    ASSERT_TRUE(service_->end("p", run->id, {.status = RunStatus::kFailed, .error = "lost"}));
    ASSERT_TRUE(service_->start("p", run->id));
    EXPECT_EQ(service_->get("p", run->id)->status, RunStatus::kRunning);
    EXPECT_EQ(service_->get("p", run->id)->error, std::nullopt);
    EXPECT_EQ(service_->get("p", run->id)->ended_ms, std::nullopt);
    ASSERT_TRUE(service_->end("p", run->id, {.status = RunStatus::kCancelled}));
    ASSERT_TRUE(service_->end("p", run->id, {.status = RunStatus::kFailed}));
    EXPECT_EQ(service_->get("p", run->id)->status, RunStatus::kCancelled);
    ASSERT_TRUE(service_->end("p", run->id, {.status = RunStatus::kSucceeded, .artifacts = {{"m", "o", 1}}}));
    EXPECT_EQ(service_->detail("p", run->id)->run.status, RunStatus::kSucceeded);
    EXPECT_EQ(service_->detail("p", run->id)->artifacts.size(), 1U);
}

class RunRoutesTest : public RunServiceTest {
protected:
    void SetUp() override {
        RunServiceTest::SetUp();
        jobs_ = std::make_unique<jobs::JobService>(jobs::JobService::Inputs{
            .database = database(), .next_id = new_id, .now_ms = [] { return std::int64_t{1000}; }
        });
        router_.authenticate_with([](const http::Request&, const http::Route&) -> Result<http::Principal> {
            return http::Principal{.project_id = "p"};
        });
        add_run_routes(router_, *service_, *jobs_);
    }

    Json get(std::string target) {
        const auto response = router_.answer({.method = "GET", .target = std::move(target)});
        EXPECT_EQ(response.status, 200) << response.body;
        return parse_json(response.body).value();
    }

    std::unique_ptr<jobs::JobService> jobs_;
    http::Router router_;
};

INSTANTIATE_TEST_SUITE_P(Databases, RunRoutesTest, sql::both_dialects(), sql::dialect_name);

TEST_P(RunRoutesTest, ListsRunsWithTheirLastMetrics) {
    const auto old = create("old");
    ASSERT_TRUE(create("new"));
    ASSERT_TRUE(service_->log_metrics("p", old->id, {{"loss", 1, 9.0, 1}, {"loss", 2, 2.5, 2}}));
    const Json listed = get("/api/v1/runs");
    const auto& items = *listed["items"].as_array();
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[0]["summary"], Json::object());
    EXPECT_EQ(items[1]["summary"], Json::object({{"loss", 2.5}}));
}

TEST_P(RunRoutesTest, ShowsHowFarTheJobIs) {
    const auto run = create("a");
    EXPECT_TRUE(get("/api/v1/runs/" + run->id)["progress"].is_null());
    const auto job = jobs_->submit({.project_id = "p", .kind = "train", .argv = {"true"}});
    ASSERT_TRUE(database().transact([&](soci::session& session) {
        return service_->attach_job_in(session, *run, job->id);
    }));
    EXPECT_TRUE(get("/api/v1/runs/" + run->id)["progress"].is_null());
    const auto taken = jobs_->take("w", 1000);
    const auto started = jobs_->start(**taken, "pid");
    ASSERT_TRUE(jobs_->report(
        *started, {{.time_ms = 5000, .step = 10, .steps_total = 30, .message = "reads", .metrics = {}}}
    ));
    const Json progress = get("/api/v1/runs/" + run->id)["progress"];
    EXPECT_EQ(progress.int_or("step", 0), 10);
    EXPECT_EQ(progress.int_or("steps_total", 0), 30);
    EXPECT_EQ(progress.string_or("message", ""), "reads");
    EXPECT_EQ(progress.double_or("eta_s", 0), 8.0) << "ten steps took 4 s";
}

TEST(Downsample, KeepsEndsAndSpikes) {
    std::vector<MetricPoint> points;
    for (int i = 0; i < 1000; ++i) {
        points.push_back({"loss", i, i == 777 ? 50.0 : 1.0, 0});
    }
    const auto kept = downsample(points, 20);
    EXPECT_LE(kept.size(), 20U);
    EXPECT_EQ(kept.front().step, 0);
    EXPECT_EQ(kept.back().step, 999);
    EXPECT_TRUE(std::ranges::any_of(kept, [](const MetricPoint& point) { return point.value == 50.0; }));
    EXPECT_TRUE(std::ranges::is_sorted(kept, {}, &MetricPoint::step));
    EXPECT_EQ(downsample(points, 2).size(), 2U);
}

}  // namespace
}  // namespace capstan::tracking
