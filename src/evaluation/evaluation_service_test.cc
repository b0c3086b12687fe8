// Evaluations as records, on both databases: from the request to the job, and from its outcome to the answer.

#include "evaluation/evaluation_service.h"

#include <memory>

#include <gtest/gtest.h>

#include "data/room.h"
#include "evaluation/evaluation_job.h"
#include "evaluation/evaluation_spec.h"
#include "evaluation/room.h"
#include "lineage/room.h"
#include "platform/jobs/migrations.h"
#include "platform/objects/disk_object_store.h"
#include "platform/sql/test_database.h"
#include "tracking/room.h"

namespace capstan::evaluation {
namespace {

class EvaluationServiceTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        ASSERT_TRUE(sql::migrate(
            database(),
            {platform::migrations(),
             lineage::migrations(),
             data::migrations(),
             tracking::migrations(),
             evaluation::migrations()}
        ));
        objects_ = objects::DiskObjectStore::open_folder({.folder = folder_ / "objects"}).value();
        const ClockMs now_ms = [] { return std::int64_t{1000}; };
        jobs_ = std::make_unique<jobs::JobService>(
            jobs::JobService::Inputs{.database = database(), .next_id = new_id, .now_ms = now_ms}
        );
        datasets_ = std::make_unique<data::DatasetService>(data::DatasetService::Inputs{
            .database = database(), .objects = *objects_, .next_id = new_id, .now_ms = now_ms
        });
        lineage_ = std::make_unique<lineage::LineageService>(
            lineage::LineageService::Inputs{.database = database(), .now_ms = now_ms}
        );
        runs_ = std::make_unique<tracking::RunService>(
            tracking::RunService::Inputs{.database = database(), .next_id = new_id, .now_ms = now_ms}
        );
        service_ = std::make_unique<EvaluationService>(EvaluationService::Inputs{
            .database = database(),
            .jobs = *jobs_,
            .datasets = *datasets_,
            .lineage = *lineage_,
            .runs = *runs_,
            .objects = *objects_,
            .next_id = new_id,
            .now_ms = now_ms,
            .program = "capstan",
            .cache_folder = folder_ / "cache"
        });
        router_.authenticate_with([](const http::Request&, const http::Route&) -> Result<http::Principal> {
            return http::Principal{.project_id = "p"};
        });
        add_evaluation_routes(router_, *service_);
    }

    void TearDown() override {
        DatabaseTest::TearDown();
        std::filesystem::remove_all(folder_);
    }

    std::string commit(const std::string& kind) {
        const auto stored = objects_->put(kind + "\n");
        const data::Shard shard{stored->id, 1, 5};
        return datasets_
            ->commit(
                {.project_id = "p",
                 .dataset = kind,
                 .kind = kind,
                 .source_key = kind,
                 .manifest = {.splits = {{"train", {shard}}, {"heldout", {shard}}}}}
            )
            ->id;
    }

    std::string run(
        std::string kind,
        std::map<std::string, std::string> params = {},
        tracking::RunStatus status = tracking::RunStatus::kSucceeded
    ) {
        const auto made = runs_->create(
            {.project_id = "p", .experiment = "e", .name = kind, .kind = kind, .params = std::move(params)}
        );
        EXPECT_TRUE(runs_->end(
            "p", made->id, {.status = status, .artifacts = {{"config.json", objects_->put("{}")->id, 2}}}
        ));
        return made->id;
    }

    NewEvaluation asked() {
        base_ = run("pretrain");
        adapted_ = run("lora", {{"base_run_id", base_}});
        return {
            .project_id = "p",
            .name = "compare",
            .targets = {{"base", base_}, {"adapted", adapted_}},
            .texts_commit_id = commit("text"),
            .pairs_commit_id = commit("pairs")
        };
    }

    jobs::Job end_next_job(Result<Json> result) {
        const auto taken = jobs_->take("w", 1000);
        EXPECT_TRUE(taken && *taken);
        const auto started = jobs_->start(**taken, "pid");
        EXPECT_TRUE(started);
        auto ended = jobs_->end(*started, {.result = std::move(result), .exit_code = 0, .may_retry = false});
        EXPECT_TRUE(ended) << ended.error().message;
        return *ended;
    }

    Json get(std::string target) {
        const auto response = router_.answer({.method = "GET", .target = std::move(target)});
        EXPECT_EQ(response.status, 200) << response.body;
        return parse_json(response.body).value();
    }

    static Json result() {
        return parse_json(R"({"targets": [{"label": "base", "metrics": {"rouge_l": {"value": 1, "low": 0,
            "high": 2}}}, {"label": "adapted", "metrics": {}}], "comparison": {"metric": "rouge_l",
            "p_value": 0.01}, "gate": {"passed": true, "rules": []}, "samples": [{"question": "q",
            "reference": "r", "answers": {"base": "b"}}]})")
            .value();
    }

    const std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
    std::string base_;
    std::string adapted_;
    std::unique_ptr<objects::ObjectStore> objects_;
    std::unique_ptr<jobs::JobService> jobs_;
    std::unique_ptr<data::DatasetService> datasets_;
    std::unique_ptr<lineage::LineageService> lineage_;
    std::unique_ptr<tracking::RunService> runs_;
    std::unique_ptr<EvaluationService> service_;
    http::Router router_;
};

INSTANTIATE_TEST_SUITE_P(Databases, EvaluationServiceTest, sql::both_dialects(), sql::dialect_name);

TEST_P(EvaluationServiceTest, GivesTheJobTheModelsAndTheHeldoutShardsAsFiles) {
    const auto started = service_->start(asked());
    ASSERT_TRUE(started) << started.error().message;
    EXPECT_EQ(started->state, "running");
    const auto job = jobs_->get("p", started->job_id);
    EXPECT_EQ(job->kind, kEvaluationJob);
    const auto spec = evaluation_spec_from(job->spec);
    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_TRUE(spec->targets[0].adapter_dir.empty());
    EXPECT_EQ(spec->targets[1].model_dir, spec->targets[0].model_dir);
    EXPECT_EQ(read_file(spec->targets[1].adapter_dir / "config.json").value(), "{}");
    EXPECT_EQ(read_file(spec->heldout.front()).value(), "text\n");
    EXPECT_EQ(read_file(spec->pairs.front()).value(), "pairs\n");
}

TEST_P(EvaluationServiceTest, RecordsResultAndLineageWithTheJobsEnd) {
    const auto started = service_->start(asked());
    EXPECT_EQ(end_next_job(result()).state, jobs::JobState::kSucceeded);
    const Json shown = get("/api/v1/evaluations/" + started->id);
    EXPECT_EQ(shown.string_or("state", ""), "succeeded");
    EXPECT_TRUE(shown["gate"].bool_or("passed", false));
    const Json& base = shown["targets"].as_array()->front();
    EXPECT_EQ(base.string_or("version_or_run", ""), base_);
    EXPECT_EQ(base["metrics"]["rouge_l"].int_or("value", 0), 1);
    EXPECT_EQ(shown["samples"].as_array()->size(), 1U);
    EXPECT_EQ(get("/api/v1/evaluations")["items"].as_array()->size(), 1U);
    const auto graph = lineage_->walk("p", {.root = lineage::node_name("evaluation", started->id)});
    ASSERT_TRUE(graph) << graph.error().message;
    EXPECT_EQ(graph->edges.size(), 2U);
}

TEST_P(EvaluationServiceTest, RecordsFailureAndCancellation) {
    const auto failed = service_->start(asked());
    end_next_job(Error{ErrorCode::kInternal, "out of memory"});
    EXPECT_EQ(service_->get("p", failed->id)->state, "failed");
    EXPECT_EQ(service_->get("p", failed->id)->error, "out of memory");
    const auto cancelled = service_->start(asked());
    ASSERT_TRUE(jobs_->cancel("p", cancelled->job_id));
    EXPECT_EQ(service_->get("p", cancelled->id)->state, "cancelled");
    EXPECT_FALSE(lineage_->walk("p", {.root = lineage::node_name("evaluation", failed->id)}));
}

TEST_P(EvaluationServiceTest, ASecondAttemptMayStillSucceed) {
    const auto started = service_->start(asked());
    end_next_job(Error{ErrorCode::kInternal, "lost"});
    ASSERT_TRUE(jobs_->retry("p", started->job_id));
    end_next_job(result());
    EXPECT_EQ(service_->get("p", started->id)->state, "succeeded");
    EXPECT_EQ(service_->get("p", started->id)->error, std::nullopt);
}

TEST_P(EvaluationServiceTest, TheSameKeyGivesTheSameEvaluation) {
    auto again = asked();
    again.idempotency_key = "once";
    const auto first = service_->start(again);
    const auto second = service_->start(again);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->id, second->id);
    EXPECT_EQ(service_->list("p", "", 10)->size(), 1U);
    ASSERT_TRUE(jobs_->submit({.project_id = "p", .kind = "other", .idempotency_key = "taken", .argv = {"x"}})
    );
    again.idempotency_key = "taken";
    EXPECT_EQ(service_->start(again).error().code, ErrorCode::kConflict);
}

TEST_P(EvaluationServiceTest, RefusesWhatCannotBeEvaluated) {
    const auto good = asked();
    const auto code = [&](auto change) {
        NewEvaluation bad = good;
        change(bad);
        const auto started = service_->start(bad);
        return started ? ErrorCode::kInternal : started.error().code;
    };
    EXPECT_EQ(code([](auto& bad) { bad.name = ""; }), ErrorCode::kInvalid);
    EXPECT_EQ(code([](auto& bad) { bad.name = std::string(181, 'n'); }), ErrorCode::kInvalid);
    EXPECT_EQ(code([](auto& bad) { bad.targets = {}; }), ErrorCode::kInvalid);
    EXPECT_EQ(code([](auto& bad) { bad.targets[1].label = "base"; }), ErrorCode::kInvalid);
    EXPECT_EQ(code([](auto& bad) { bad.targets[0].run_id = "nine"; }), ErrorCode::kNotFound);
    EXPECT_EQ(code([](auto& bad) { bad.texts_commit_id = "nine"; }), ErrorCode::kNotFound);
    EXPECT_EQ(code([](auto& bad) { bad.project_id = "q"; }), ErrorCode::kNotFound);
    EXPECT_EQ(
        code([](auto& bad) { std::swap(bad.texts_commit_id, bad.pairs_commit_id); }), ErrorCode::kInvalid
    );
    EXPECT_EQ(code([](auto& bad) { bad.texts_commit_id = bad.pairs_commit_id = ""; }), ErrorCode::kInvalid);
    EXPECT_EQ(code([](auto& bad) { bad.spec = Json::object({{"seed", "x"}}); }), ErrorCode::kInvalid);
    EXPECT_EQ(code([](auto& bad) { bad.spec = Json(5); }), ErrorCode::kInvalid);
    const std::string failed = run("pretrain", {}, tracking::RunStatus::kFailed);
    EXPECT_EQ(code([&](auto& bad) { bad.targets[0].run_id = failed; }), ErrorCode::kConflict);
    const std::string orphan = run("lora", {{"base_run_id", failed}});
    EXPECT_EQ(code([&](auto& bad) { bad.targets[0].run_id = orphan; }), ErrorCode::kConflict);
    EXPECT_TRUE(service_->list("p", "", 10)->empty());
}

TEST_P(EvaluationServiceTest, ACallerCannotNameFilesOfTheServer) {
    for (const char* name : {"heldout", "pairs", "targets"}) {
        auto bad = asked();
        bad.spec = Json::object({{name, Json::array({"/etc/passwd"})}});
        const auto started = service_->start(bad);
        ASSERT_FALSE(started) << name;
        EXPECT_TRUE(started.error().message.contains(name)) << started.error().message;
    }
}

TEST_P(EvaluationServiceTest, StartsByTheApi) {
    const auto good = asked();
    const Json body = Json::object(
        {{"name", "compare"},
         {"targets", Json::array({Json::object({{"label", "base"}, {"run_id", base_}})})},
         {"texts_commit_id", good.texts_commit_id},
         {"spec", Json::object({{"seed", 3}})}}
    );
    const auto response =
        router_.answer({.method = "POST", .target = "/api/v1/evaluations", .body = body.dump()});
    ASSERT_EQ(response.status, 202) << response.body;
    const Json reply = parse_json(response.body).value();
    const auto stored = service_->get("p", reply.string_or("evaluation_id", ""));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->job_id, reply.string_or("job_id", ""));
    EXPECT_EQ(jobs_->get("p", stored->job_id)->spec.int_or("seed", 0), 3);
    for (const char* bad : {"", "[]", "{\"name\": 5}"}) {
        EXPECT_EQ(
            router_.answer({.method = "POST", .target = "/api/v1/evaluations", .body = bad}).status, 400
        );
    }
    EXPECT_EQ(router_.answer({.method = "GET", .target = "/api/v1/evaluations/nine"}).status, 404);
}

}  // namespace
}  // namespace capstan::evaluation
