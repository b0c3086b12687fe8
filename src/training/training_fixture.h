#pragma once

// For *_test.cc only: the training service on an empty database, with the job's process played by the test.

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "data/room.h"
#include "lineage/room.h"
#include "platform/jobs/migrations.h"
#include "platform/objects/disk_object_store.h"
#include "platform/sql/test_database.h"
#include "registry/room.h"
#include "tracking/room.h"
#include "training/room.h"
#include "training/tokenizer_job.h"

namespace capstan::training {

class TrainingTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        ASSERT_TRUE(sql::migrate(
            database(),
            {platform::migrations(),
             lineage::migrations(),
             data::migrations(),
             tracking::migrations(),
             registry::migrations()}
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
        models_ = std::make_unique<registry::ModelService>(
            registry::ModelService::Inputs{.database = database(), .next_id = new_id, .now_ms = now_ms}
        );
        runs_ = std::make_unique<tracking::RunService>(
            tracking::RunService::Inputs{.database = database(), .next_id = new_id, .now_ms = now_ms}
        );
        service_ = std::make_unique<TrainingService>(TrainingService::Inputs{
            .database = database(),
            .jobs = *jobs_,
            .datasets = *datasets_,
            .lineage = *lineage_,
            .models = *models_,
            .runs = *runs_,
            .objects = *objects_,
            .program = "capstan",
            .trainer = "capstan-train",
            .jobs_folder = folder_ / "jobs",
            .cache_folder = folder_ / "cache"
        });
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

    // A tokenizer, as a job made it.
    std::string tokenizer() {
        const auto job = service_->train_tokenizer(
            {.project_id = "p", .name = "bpe", .dataset_commit_id = commit("text"), .vocabulary_size = 512}
        );
        EXPECT_TRUE(job) << job.error().message;
        write(*job, "out/tokenizer.json", "{\"model\": 1}");
        write(*job, "out/tokenizer_config.json", "{\"config\": 1}");
        EXPECT_EQ(end_next_job(Json::object({{"vocabulary_size", 512}})).state, jobs::JobState::kSucceeded);
        return models_->tokenizers("p", "", 10)->front().id;
    }

    NewTrainingRun pretrain() {
        return {
            .project_id = "p",
            .name = "small",
            .task = "pretrain",
            .dataset_commit_id = commit("text"),
            .tokenizer_id = tokenizer(),
            .spec = parse_json(R"({"time_budget_s": 5, "optimizer": {"learning_rate": 0.5}})").value()
        };
    }

    // A pretrain run that has succeeded, with a model.
    std::string pretrained() {
        const auto started = service_->start(pretrain());
        EXPECT_TRUE(started) << started.error().message;
        write(started->job, "out/model/model.safetensors", "weights");
        write(started->job, "out/model/tokenizer.json", "{}");
        end_next_job(Json::object({{"model_dir", "out/model"}}));
        return started->run.id;
    }

    void write(const jobs::Job& job, const std::string& path, const std::string& content) const {
        EXPECT_TRUE(replace_file(folder_ / "jobs" / job.id / path, content));
    }

    jobs::Job start_next_job() {
        const auto taken = jobs_->take("w", 1000);
        EXPECT_TRUE(taken && *taken);
        auto started = jobs_->start(**taken, "pid");
        EXPECT_TRUE(started);
        if (const auto& hook = jobs_->hooks_of(started->kind).on_started) {
            hook(*started);  // As the job's worker does.
        }
        return *started;
    }

    jobs::Job end_job(const jobs::Job& started, const Result<Json>& result) {
        EXPECT_TRUE(JobDirectory(folder_ / "jobs" / started.id).write_result(result));
        auto ended = jobs_->end(started, {.result = result, .exit_code = 0, .may_retry = false});
        EXPECT_TRUE(ended) << ended.error().message;
        return *ended;
    }

    jobs::Job end_next_job(const Result<Json>& result) { return end_job(start_next_job(), result); }

    bool has_edge(const std::string& root, const std::string& to, const std::string& relation) {
        const auto graph = lineage_->walk("p", {.root = root});
        for (const lineage::Edge& edge : graph ? graph->edges : std::vector<lineage::Edge>()) {
            if (edge.made == root && edge.made_from == to && edge.relation == relation) {
                return true;
            }
        }
        return false;
    }

    const std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
    std::unique_ptr<objects::ObjectStore> objects_;
    std::unique_ptr<jobs::JobService> jobs_;
    std::unique_ptr<data::DatasetService> datasets_;
    std::unique_ptr<lineage::LineageService> lineage_;
    std::unique_ptr<registry::ModelService> models_;
    std::unique_ptr<tracking::RunService> runs_;
    std::unique_ptr<TrainingService> service_;
};

}  // namespace capstan::training
