// What becomes of training jobs, on both databases.

#include "training/training_fixture.h"

namespace capstan::training {
namespace {

using TrainingOutcomeTest = TrainingTest;

INSTANTIATE_TEST_SUITE_P(Databases, TrainingOutcomeTest, sql::both_dialects(), sql::dialect_name);

TEST_P(TrainingOutcomeTest, ATokenizerIsRegisteredWithItsLineage) {
    const std::string id = tokenizer();
    const auto made = models_->tokenizer("p", id);
    ASSERT_TRUE(made);
    EXPECT_EQ(made->name, "bpe");
    EXPECT_EQ(made->vocabulary_size, 512);
    EXPECT_EQ(objects_->get(made->tokenizer_object).value(), "{\"model\": 1}");
    EXPECT_TRUE(has_edge("tokenizer:" + id, "dataset_commit:" + made->dataset_commit_id, "trained_on"));
}

TEST_P(TrainingOutcomeTest, ARunEndsWithArtifactsAndLineage) {
    const auto asked = pretrain();
    const auto started = service_->start(asked);
    const auto job = start_next_job();
    EXPECT_EQ(runs_->get("p", started->run.id)->status, tracking::RunStatus::kRunning);
    write(job, "out/model/model.safetensors", "weights");
    write(job, "out/model/sub/config.json", "{}");
    write(job, "out/other", "not the model's");
    std::filesystem::create_symlink("/etc/passwd", folder_ / "jobs" / job.id / "out/model/link");
    ASSERT_EQ(end_job(job, Json::object({{"model_dir", "out/model"}})).state, jobs::JobState::kSucceeded);
    const auto detail = runs_->detail("p", started->run.id);
    EXPECT_EQ(detail->run.status, tracking::RunStatus::kSucceeded);
    ASSERT_EQ(detail->artifacts.size(), 2U) << "no link, and nothing from beside";
    EXPECT_EQ(detail->artifacts[0].path, "model.safetensors");
    EXPECT_EQ(objects_->get(detail->artifacts[0].object).value(), "weights");
    EXPECT_EQ(detail->artifacts[1].path, "sub/config.json");
    const std::string node = "run:" + started->run.id;
    EXPECT_TRUE(has_edge(node, "dataset_commit:" + asked.dataset_commit_id, "trained_on"));
    EXPECT_TRUE(has_edge(node, "tokenizer:" + asked.tokenizer_id, "tokenized_by"));
}

TEST_P(TrainingOutcomeTest, TakesNoFilesFromOutsideOfTheJobsFolder) {
    ASSERT_TRUE(replace_file(folder_ / "jobs/secret/key", "secret"));
    const auto asked = pretrain();
    for (const std::string& path :
         {std::string("../secret"),
          (folder_ / "jobs/secret").string(),
          std::string("out/link"),
          std::string(""),
          std::string("out/missing")}) {
        const auto started = service_->start(asked);
        const auto job = start_next_job();
        write(job, "out/x", "");
        std::filesystem::create_directory_symlink(
            folder_ / "jobs/secret", folder_ / "jobs" / job.id / "out/link"
        );
        const auto ended = end_job(job, Json::object({{"model_dir", path}}));
        EXPECT_EQ(ended.state, jobs::JobState::kFailed) << path;
        const auto detail = runs_->detail("p", started->run.id);
        EXPECT_EQ(detail->run.status, tracking::RunStatus::kFailed);
        EXPECT_TRUE(detail->artifacts.empty());
    }
}

TEST_P(TrainingOutcomeTest, FailureAndCancellationEndTheRun) {
    const auto asked = pretrain();
    const auto failed = service_->start(asked);
    end_next_job(Error{ErrorCode::kInternal, "the loss is not finite"});
    EXPECT_EQ(runs_->get("p", failed->run.id)->status, tracking::RunStatus::kFailed);
    EXPECT_EQ(runs_->get("p", failed->run.id)->error, "the loss is not finite");
    const auto cancelled = service_->start(asked);
    ASSERT_TRUE(jobs_->cancel("p", cancelled->job.id));
    EXPECT_EQ(runs_->get("p", cancelled->run.id)->status, tracking::RunStatus::kCancelled);
}

TEST_P(TrainingOutcomeTest, ARunWhoseJobIsTriedAgainMaySucceed) {
    const auto started = service_->start(pretrain());
    end_next_job(Error{ErrorCode::kInternal, "lost"});
    ASSERT_TRUE(jobs_->retry("p", started->job.id));
    const auto job = start_next_job();
    EXPECT_EQ(runs_->get("p", started->run.id)->status, tracking::RunStatus::kRunning);
    write(job, "out/model/model.safetensors", "weights");
    end_job(job, Json::object({{"model_dir", "out/model"}}));
    EXPECT_EQ(runs_->detail("p", started->run.id)->run.status, tracking::RunStatus::kSucceeded);
    EXPECT_EQ(runs_->detail("p", started->run.id)->artifacts.size(), 1U);
}

TEST_P(TrainingOutcomeTest, ReportsBecomeMetricsHoweverManyComeAtOnce) {
    const auto started = service_->start(pretrain());
    const auto job = start_next_job();
    std::vector<JobProgress> reports;
    for (int step = 1; step <= 6000; ++step) {
        reports.push_back(
            {.time_ms = step,
             .step = step,
             .steps_total = 6000,
             .metrics = {{"loss", 1.0 / step}, {"lr", 0.5}}}
        );
    }
    const auto& report = jobs_->hooks_of(job.kind).on_progress;
    report(job, reports);
    report(job, reports);  // As after a restart of the server.
    const auto points = runs_->points("p", started->run.id, {.name = "loss", .points_max = 10'000});
    ASSERT_TRUE(points) << points.error().message;
    EXPECT_EQ(points->size(), 6000U);
    EXPECT_EQ(points->back().value, 1.0 / 6000);
}

TEST_P(TrainingOutcomeTest, StepsThatAKilledProcessTookBehindItsCheckpointAreForgotten) {
    const auto started = service_->start(pretrain());
    const auto job = start_next_job();
    const auto report_of = [](std::int64_t time_ms, std::int64_t step, double loss) {
        return JobProgress{.time_ms = time_ms, .step = step, .steps_total = 9, .metrics = {{"loss", loss}}};
    };
    // Killed behind step 5; the next process goes on from a checkpoint at step 2 and reports other steps.
    const std::vector<JobProgress> killed = {report_of(1, 1, 9), report_of(2, 3, 8), report_of(3, 5, 7)};
    const std::vector<JobProgress> next = {
        {.time_ms = 10, .step = 0, .message = "reads"}, report_of(11, 2, 6), report_of(12, 4, 5)
    };
    const auto& report = jobs_->hooks_of(job.kind).on_progress;
    const auto steps = [&] {
        std::vector<std::pair<std::int64_t, double>> found;
        for (const auto& point : *runs_->points("p", started->run.id, {.name = "loss"})) {
            found.emplace_back(point.step, point.value);
        }
        return found;
    };
    const std::vector<std::pair<std::int64_t, double>> expected = {{1, 9}, {2, 6}, {4, 5}};
    report(job, killed);
    report(job, next);
    EXPECT_EQ(steps(), expected);
    std::vector<JobProgress> all = killed;
    all.insert(all.end(), next.begin(), next.end());
    report(job, all);  // As after a restart of the server, which reads them all again.
    EXPECT_EQ(steps(), expected);
}

TEST_P(TrainingOutcomeTest, ARunIsRegisteredOnceWithItsLineage) {
    const std::string run = pretrained();
    const auto version =
        service_->register_run({.project_id = "p", .model = "man", .run_id = run, .kind = "full"});
    ASSERT_TRUE(version) << version.error().message;
    EXPECT_EQ(version->kind, registry::VersionKind::kFull);
    EXPECT_EQ(version->files.size(), 2U);
    EXPECT_TRUE(has_edge("model_version:" + version->id, "run:" + run, "produced_by"));
    EXPECT_EQ(service_->register_run({.project_id = "p", .model = "man", .run_id = run})->id, version->id);
    const auto code = [&](const NewRegistration& asked) {
        const auto made = service_->register_run(asked);
        return made ? ErrorCode::kInternal : made.error().code;
    };
    EXPECT_EQ(
        code({.project_id = "p", .model = "man", .run_id = run, .kind = "adapter"}), ErrorCode::kInvalid
    );
    EXPECT_EQ(code({.project_id = "p", .model = "../man", .run_id = run}), ErrorCode::kInvalid);
    EXPECT_EQ(code({.project_id = "q", .model = "man", .run_id = run}), ErrorCode::kNotFound);
    const auto unfinished = service_->start(pretrain());
    EXPECT_EQ(code({.project_id = "p", .model = "man", .run_id = unfinished->run.id}), ErrorCode::kConflict);
}

TEST_P(TrainingOutcomeTest, AnAdapterIsRegisteredOnItsBase) {
    const std::string base = pretrained();
    const auto full = service_->register_run({.project_id = "p", .model = "man", .run_id = base});
    const auto started = service_->start(
        {.project_id = "p",
         .name = "adapt",
         .task = "lora",
         .dataset_commit_id = commit("pairs"),
         .base_run_id = base}
    );
    ASSERT_TRUE(started) << started.error().message;
    write(started->job, "out/adapter/adapter_model.safetensors", "small");
    end_next_job(Json::object({{"adapter_dir", "out/adapter"}}));
    EXPECT_TRUE(has_edge("run:" + started->run.id, "run:" + base, "adapts"));
    const auto without =
        service_->register_run({.project_id = "p", .model = "man", .run_id = started->run.id});
    EXPECT_FALSE(without) << "an adapter needs its base version";
    const auto adapter = service_->register_run(
        {.project_id = "p", .model = "man", .run_id = started->run.id, .base_version_id = full->id}
    );
    ASSERT_TRUE(adapter) << adapter.error().message;
    EXPECT_EQ(adapter->number, 2);
    EXPECT_EQ(adapter->kind, registry::VersionKind::kAdapter);
    EXPECT_TRUE(has_edge("model_version:" + adapter->id, "model_version:" + full->id, "adapts"));
}

}  // namespace
}  // namespace capstan::training
