// From requests to jobs: what they are given, and what is refused. On both databases.

#include "training/training_service.h"

#include "training/training_fixture.h"

namespace capstan::training {
namespace {

using TrainingServiceTest = TrainingTest;

INSTANTIATE_TEST_SUITE_P(Databases, TrainingServiceTest, sql::both_dialects(), sql::dialect_name);

TEST_P(TrainingServiceTest, GivesATokenizerJobTheShardsAsFiles) {
    const auto job = service_->train_tokenizer(
        {.project_id = "p", .name = "bpe", .dataset_commit_id = commit("text"), .vocabulary_size = 512}
    );
    ASSERT_TRUE(job) << job.error().message;
    EXPECT_EQ(job->kind, kTokenizerJob);
    EXPECT_EQ(job->spec.int_or("vocabulary_size", 0), 512);
    const Json& inputs = job->spec["inputs"];
    EXPECT_EQ(read_file(*inputs.as_array()->front().as_string()).value(), "text\n");
}

TEST_P(TrainingServiceTest, RefusesATokenizerThatCannotBeTrained) {
    const NewTokenizer good{
        .project_id = "p", .name = "bpe", .dataset_commit_id = commit("text"), .vocabulary_size = 512
    };
    const auto code = [&](auto change) {
        NewTokenizer bad = good;
        change(bad);
        const auto job = service_->train_tokenizer(bad);
        return job ? ErrorCode::kInternal : job.error().code;
    };
    EXPECT_EQ(code([](auto& bad) { bad.name = ""; }), ErrorCode::kInvalid);
    EXPECT_EQ(code([](auto& bad) { bad.vocabulary_size = 299; }), ErrorCode::kInvalid);
    EXPECT_EQ(code([](auto& bad) { bad.vocabulary_size = 1'000'001; }), ErrorCode::kInvalid);
    EXPECT_EQ(code([](auto& bad) { bad.dataset_commit_id = "nine"; }), ErrorCode::kNotFound);
    EXPECT_EQ(code([](auto& bad) { bad.project_id = "q"; }), ErrorCode::kNotFound);
    EXPECT_EQ(code([&](auto& bad) { bad.dataset_commit_id = commit("pairs"); }), ErrorCode::kInvalid);
}

TEST_P(TrainingServiceTest, GivesAPretrainJobDataAndTokenizer) {
    auto asked = pretrain();
    const auto started = service_->start(asked);
    ASSERT_TRUE(started) << started.error().message;
    EXPECT_EQ(started->run.status, tracking::RunStatus::kQueued);
    const Json& spec = started->job.spec;
    EXPECT_EQ(spec.string_or("task", ""), "pretrain");
    EXPECT_EQ(read_file(*spec["data"]["heldout"].as_array()->front().as_string()).value(), "text\n");
    EXPECT_EQ(read_file(spec.string_or("tokenizer", "")).value(), "{\"model\": 1}");
    EXPECT_EQ(read_file(spec.string_or("tokenizer_config", "")).value(), "{\"config\": 1}");
    EXPECT_EQ(spec["model"].int_or("vocab_size", 0), 512);
    EXPECT_EQ(spec.int_or("threads", 0), 2);
    const auto detail = runs_->detail("p", started->run.id);
    EXPECT_EQ(detail->run.job_id, started->job.id);
    EXPECT_EQ(detail->params.at("optimizer.learning_rate"), "0.5");
    EXPECT_EQ(detail->params.at("tokenizer_id"), asked.tokenizer_id);
}

TEST_P(TrainingServiceTest, GivesALoraJobItsBaseByRunOrByVersion) {
    const std::string base = pretrained();
    NewTrainingRun lora{
        .project_id = "p",
        .name = "adapt",
        .task = "lora",
        .dataset_commit_id = commit("pairs"),
        .base_run_id = base
    };
    const auto by_run = service_->start(lora);
    ASSERT_TRUE(by_run) << by_run.error().message;
    const std::filesystem::path model = by_run->job.spec.string_or("base_model", "");
    EXPECT_EQ(read_file(model / "model.safetensors").value(), "weights");
    EXPECT_EQ(runs_->detail("p", by_run->run.id)->params.at("base_run_id"), base);
    const auto version = service_->register_run({.project_id = "p", .model = "man", .run_id = base});
    ASSERT_TRUE(version) << version.error().message;
    lora.base_run_id = "";
    lora.base_version_id = version->id;
    const auto by_version = service_->start(lora);
    ASSERT_TRUE(by_version) << by_version.error().message;
    EXPECT_EQ(by_version->job.spec.string_or("base_model", ""), model);
}

TEST_P(TrainingServiceTest, RefusesARunThatCannotBeTrained) {
    const auto good = pretrain();
    const std::string pairs = commit("pairs");
    const auto code = [&](auto change) {
        NewTrainingRun bad = good;
        change(bad);
        const auto started = service_->start(bad);
        return started ? ErrorCode::kInternal : started.error().code;
    };
    EXPECT_EQ(code([](auto& bad) { bad.name = ""; }), ErrorCode::kInvalid);
    EXPECT_EQ(code([](auto& bad) { bad.task = "dream"; }), ErrorCode::kInvalid);
    EXPECT_EQ(code([](auto& bad) { bad.spec = Json(5); }), ErrorCode::kInvalid);
    EXPECT_EQ(code([&](auto& bad) { bad.dataset_commit_id = pairs; }), ErrorCode::kInvalid);
    EXPECT_EQ(code([](auto& bad) { bad.task = "lora"; }), ErrorCode::kInvalid) << "on texts";
    EXPECT_EQ(code([](auto& bad) { bad.dataset_commit_id = "nine"; }), ErrorCode::kNotFound);
    EXPECT_EQ(code([](auto& bad) { bad.tokenizer_id = "nine"; }), ErrorCode::kNotFound);
    const auto lora = [&](auto& bad) {
        bad.task = "lora";
        bad.dataset_commit_id = pairs;
    };
    EXPECT_EQ(code(lora), ErrorCode::kNotFound) << "without a base";
    const auto unfinished = service_->start(good);
    EXPECT_EQ(
        code([&](auto& bad) {
            lora(bad);
            bad.base_run_id = unfinished->run.id;
        }),
        ErrorCode::kConflict
    );
    EXPECT_EQ(runs_->list({.project_id = "p", .rows_max = 10})->size(), 1U) << "refused runs are not kept";
}

TEST_P(TrainingServiceTest, ACallerCannotNameFilesOfTheServer) {
    const auto good = pretrain();
    for (const char* name : {"data", "tokenizer", "tokenizer_config", "base_model", "task"}) {
        auto bad = good;
        bad.spec.set(name, "/etc/passwd");
        const auto started = service_->start(bad);
        ASSERT_FALSE(started) << name;
        EXPECT_TRUE(started.error().message.contains(name)) << started.error().message;
    }
}

TEST_P(TrainingServiceTest, TheSameKeyGivesTheSameRunAndKeepsNoOther) {
    auto asked = pretrain();
    asked.idempotency_key = "once";
    const auto first = service_->start(asked);
    const auto second = service_->start(asked);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->run.id, second->run.id);
    EXPECT_EQ(first->job.id, second->job.id);
    EXPECT_EQ(runs_->list({.project_id = "p", .rows_max = 10})->size(), 1U);
    ASSERT_TRUE(jobs_->submit({.project_id = "p", .kind = "other", .idempotency_key = "taken", .argv = {"x"}})
    );
    asked.idempotency_key = "taken";
    EXPECT_EQ(service_->start(asked).error().code, ErrorCode::kConflict);
    const NewTokenizer tokenizer{
        .project_id = "p",
        .name = "b",
        .dataset_commit_id = asked.dataset_commit_id,
        .idempotency_key = "taken"
    };
    EXPECT_EQ(service_->train_tokenizer(tokenizer).error().code, ErrorCode::kConflict);
}

TEST_P(TrainingServiceTest, StartsByTheApi) {
    http::Router router;
    router.authenticate_with([](const http::Request&, const http::Route&) -> Result<http::Principal> {
        return http::Principal{.project_id = "p"};
    });
    add_training_routes(router, *service_);
    const auto post = [&](std::string target, const Json& body) {
        const auto response =
            router.answer({.method = "POST", .target = std::move(target), .body = body.dump()});
        Json json = parse_json(response.body).value();
        json.set("status", response.status);
        return json;
    };
    const auto asked = pretrain();
    const Json run = post(
        "/api/v1/training-runs",
        Json::object(
            {{"name", "small"},
             {"task", "pretrain"},
             {"dataset_commit_id", asked.dataset_commit_id},
             {"tokenizer_id", asked.tokenizer_id},
             {"spec", asked.spec}}
        )
    );
    EXPECT_EQ(run.int_or("status", 0), 202) << run.dump();
    EXPECT_EQ(runs_->get("p", run.string_or("run_id", ""))->job_id, run.string_or("job_id", "-"));
    const Json tokenizer = post(
        "/api/v1/tokenizers",
        Json::object({{"name", "b"}, {"dataset_commit_id", asked.dataset_commit_id}, {"vocabulary_size", 400}}
        )
    );
    EXPECT_EQ(tokenizer.int_or("status", 0), 202) << tokenizer.dump();
    EXPECT_EQ(jobs_->get("p", tokenizer.string_or("job_id", ""))->spec.int_or("vocabulary_size", 0), 400);
    for (const char* target : {"/api/v1/training-runs", "/api/v1/tokenizers"}) {
        EXPECT_EQ(post(target, Json::array()).int_or("status", 0), 400);
    }
    EXPECT_EQ(
        post("/api/v1/models/man/versions", Json::object({{"run_id", "nine"}})).int_or("status", 0), 404
    );
}

}  // namespace
}  // namespace capstan::training
