// From a request to commits, on both databases; the job's process is played by the test.

#include "curation/curation_service.h"

#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"
#include "curation/curation_job.h"
#include "curation/room.h"
#include "data/room.h"
#include "lineage/room.h"
#include "platform/jobs/migrations.h"
#include "platform/objects/disk_object_store.h"
#include "platform/sql/test_database.h"

namespace capstan::curation {
namespace {

class CurationServiceTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        ASSERT_TRUE(
            sql::migrate(database(), {platform::migrations(), lineage::migrations(), data::migrations()})
        );
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
        service_ = std::make_unique<CurationService>(CurationService::Inputs{
            .database = database(),
            .jobs = *jobs_,
            .datasets = *datasets_,
            .lineage = *lineage_,
            .objects = *objects_,
            .program = "capstan",
            .jobs_folder = folder_ / "jobs"
        });
    }

    void TearDown() override {
        DatabaseTest::TearDown();
        std::filesystem::remove_all(folder_);
    }

    static NewCuration asked(std::string name = "pages", std::string key = "") {
        return {
            .project_id = "p",
            .name = std::move(name),
            .spec = parse_json(R"({"sources": [{"type": "path", "path": "/data/pages"}]})").value(),
            .idempotency_key = std::move(key)
        };
    }

    // A shard as the job writes it.
    Json shard(const jobs::Job& job, const std::string& name, const std::string& content) {
        EXPECT_TRUE(replace_file(directory(job).out() / name, content));
        return Json::object(
            {{"path", "out/" + name},
             {"sha256", sha256_hex(content)},
             {"records", 1},
             {"bytes", content.size()}}
        );
    }

    JobDirectory directory(const jobs::Job& job) const { return JobDirectory(folder_ / "jobs" / job.id); }

    // The job's process starts, leaves these splits, and ends.
    jobs::Job end_job(const jobs::Job& job, Json splits) {
        const Json result =
            Json::object({{"splits", std::move(splits)}, {"report", Json::object({{"kept", 2}})}});
        EXPECT_TRUE(directory(job).write_result(result));
        const auto taken = jobs_->take("w", 1000);
        EXPECT_TRUE(taken && *taken);
        const auto started = jobs_->start(**taken, "pid");
        const auto ended = jobs_->end(*started, {.result = result, .exit_code = 0, .may_retry = false});
        EXPECT_TRUE(ended) << ended.error().message;
        return *ended;
    }

    std::optional<data::Commit> latest(const std::string& dataset) {
        for (const auto& [found, commit] : *datasets_->list("p", "", 100)) {
            if (found.name == dataset) {
                return commit;
            }
        }
        return std::nullopt;
    }

    const std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
    std::unique_ptr<objects::ObjectStore> objects_;
    std::unique_ptr<jobs::JobService> jobs_;
    std::unique_ptr<data::DatasetService> datasets_;
    std::unique_ptr<lineage::LineageService> lineage_;
    std::unique_ptr<CurationService> service_;
};

INSTANTIATE_TEST_SUITE_P(Databases, CurationServiceTest, sql::both_dialects(), sql::dialect_name);

TEST_P(CurationServiceTest, CommitsTextsAndPairsWithTheirLineage) {
    const auto started = service_->submit(asked());
    ASSERT_TRUE(started) << started.error().message;
    EXPECT_EQ(started->dataset.name, "pages");
    EXPECT_EQ(latest("pages"), std::nullopt) << "the dataset is there, its commit is not";
    const jobs::Job& job = started->job;
    const auto ended = end_job(
        job,
        Json::object(
            {{"train", Json::array({shard(job, "t.jsonl", "{\"text\":\"a\"}\n")})},
             {"heldout", Json::array({shard(job, "h.jsonl", "{\"text\":\"b\"}\n")})},
             {"pairs-train", Json::array({shard(job, "p.jsonl", "{\"question\":\"q\"}\n")})},
             {"pairs-heldout", Json::array()}}
        )
    );
    ASSERT_EQ(ended.state, jobs::JobState::kSucceeded) << ended.error.value_or("");
    const auto texts = latest("pages");
    const auto pairs = latest("pages-pairs");
    ASSERT_TRUE(texts && pairs);
    EXPECT_EQ(texts->records, 2);
    EXPECT_EQ(
        datasets_->samples("p", texts->id, {.split = "heldout"})->records.front().string_or("text", ""), "b"
    );
    const auto detail = datasets_->commit_detail("p", pairs->id);
    EXPECT_EQ(detail->dataset.kind, "pairs");
    EXPECT_EQ(detail->manifest.report.int_or("kept", 0), 2);
    EXPECT_EQ(detail->manifest.recipe, job.spec);
    const auto graph = lineage_->walk("p", {.root = lineage::node_name("dataset_commit", pairs->id)});
    ASSERT_TRUE(graph) << graph.error().message;
    const auto has_edge = [&](const std::string& to, const std::string& relation) {
        return std::ranges::any_of(graph->edges, [&](const lineage::Edge& edge) {
            return edge.made_from == to && edge.relation == relation;
        });
    };
    EXPECT_TRUE(has_edge(lineage::node_name("dataset_commit", texts->id), "derived_from"));
    EXPECT_TRUE(has_edge("source:/data/pages", "curated_from"));
}

TEST_P(CurationServiceTest, WithoutPairsThereIsNoDatasetOfPairs) {
    const auto started = service_->submit(asked());
    end_job(
        started->job,
        Json::object({{"train", Json::array({shard(started->job, "t.jsonl", "{\"text\":\"a\"}\n")})}})
    );
    EXPECT_TRUE(latest("pages"));
    EXPECT_EQ(datasets_->list("p", "", 10)->size(), 1U);
}

TEST_P(CurationServiceTest, ASecondCurationIsTheNextCommit) {
    std::string before;
    for (const std::string text : {"a", "b"}) {
        const auto started = service_->submit(asked());
        end_job(
            started->job,
            Json::object({{"train", Json::array({shard(started->job, "t", "{\"text\":\"" + text + "\"}\n")})}}
            )
        );
        EXPECT_EQ(latest("pages")->parent_id.value_or(""), before);
        before = latest("pages")->id;
    }
}

TEST_P(CurationServiceTest, TakesNoFilesFromOutsideOfTheJobsFolder) {
    const std::string secret = "{\"text\":\"secret\"}\n";
    ASSERT_TRUE(replace_file(folder_ / "jobs/secret", secret));
    const std::string absolute = folder_ / "jobs/secret";
    for (const std::string& path :
         {std::string("../secret"),
          std::string("out/../../secret"),
          absolute,
          std::string("out/link"),
          std::string(""),
          std::string(".")}) {
        const auto started = service_->submit(asked());
        Json hostile = shard(started->job, "t", secret);
        std::filesystem::create_symlink(folder_ / "jobs/secret", directory(started->job).out() / "link");
        hostile.set("path", path);
        const auto ended = end_job(started->job, Json::object({{"train", Json::array({hostile})}}));
        EXPECT_EQ(ended.state, jobs::JobState::kFailed) << path;
        EXPECT_TRUE(ended.error.value_or("").contains("job's folder"))
            << path << ": " << ended.error.value_or("");
    }
    EXPECT_FALSE(latest("pages"));
}

TEST_P(CurationServiceTest, TakesNoShardThatIsNotWhatTheJobWrote) {
    for (const char* broken : {"sha256", "path"}) {
        const auto started = service_->submit(asked());
        Json wrong = shard(started->job, "t", "{\"text\":\"a\"}\n");
        wrong.set(broken, "out/nothing");
        const auto ended = end_job(started->job, Json::object({{"train", Json::array({wrong})}}));
        EXPECT_NE(ended.state, jobs::JobState::kSucceeded) << broken;
    }
    EXPECT_FALSE(latest("pages"));
}

TEST_P(CurationServiceTest, AFailedJobCommitsNothing) {
    const auto started = service_->submit(asked());
    const auto taken = jobs_->take("w", 1000);
    const auto running = jobs_->start(**taken, "pid");
    const Error reason{ErrorCode::kInvalid, "no such folder"};
    ASSERT_TRUE(jobs_->end(*running, {.result = reason, .exit_code = 1, .may_retry = false}));
    EXPECT_FALSE(latest("pages"));
    EXPECT_EQ(jobs_->get("p", started->job.id)->error, "no such folder");
}

TEST_P(CurationServiceTest, TheSameKeyGivesTheSameJob) {
    const auto first = service_->submit(asked("pages", "once"));
    const auto second = service_->submit(asked("pages", "once"));
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->job.id, second->job.id);
    EXPECT_EQ(first->dataset.id, second->dataset.id);
    ASSERT_TRUE(jobs_->submit({.project_id = "p", .kind = "other", .idempotency_key = "taken", .argv = {"x"}})
    );
    EXPECT_EQ(service_->submit(asked("pages", "taken")).error().code, ErrorCode::kConflict);
}

TEST_P(CurationServiceTest, RefusesWhatTheJobWouldRefuse) {
    auto unknown = asked();
    unknown.spec.set("colour", "red");
    EXPECT_EQ(service_->submit(unknown).error().code, ErrorCode::kInvalid);
    auto none = asked();
    none.spec = Json(5);
    EXPECT_EQ(service_->submit(none).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(service_->submit(asked("")).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(service_->submit(asked(std::string(191, 'n'))).error().code, ErrorCode::kInvalid);
    EXPECT_TRUE(datasets_->list("p", "", 10)->empty());
}

TEST_P(CurationServiceTest, RefusesADatasetThatHoldsSomethingElse) {
    ASSERT_TRUE(datasets_->commit(
        {.project_id = "p", .dataset = "pages", .kind = "pairs", .source_key = "k", .manifest = {}}
    ));
    EXPECT_EQ(service_->submit(asked()).error().code, ErrorCode::kConflict);
    EXPECT_FALSE(*jobs_->take("w", 1000)) << "there is no job either";
}

TEST_P(CurationServiceTest, StartsByTheApi) {
    http::Router router;
    router.authenticate_with([](const http::Request&, const http::Route&) -> Result<http::Principal> {
        return http::Principal{.project_id = "p"};
    });
    add_curation_routes(router, *service_);
    const Json body = Json::object({{"name", "pages"}, {"spec", asked().spec}});
    const auto response =
        router.answer({.method = "POST", .target = "/api/v1/curations", .body = body.dump()});
    ASSERT_EQ(response.status, 202) << response.body;
    const Json reply = parse_json(response.body).value();
    EXPECT_TRUE(jobs_->get("p", reply.string_or("job_id", "")));
    EXPECT_TRUE(datasets_->get("p", reply.string_or("dataset_id", "")));
    for (const char* bad : {"", "[]", "{}", "{\"name\": 5}", R"({"name": "a", "spec": {"sources": 5}})"}) {
        EXPECT_EQ(router.answer({.method = "POST", .target = "/api/v1/curations", .body = bad}).status, 400)
            << bad;
    }
}

}  // namespace
}  // namespace capstan::curation
