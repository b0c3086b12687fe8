#include "training/training_routes.h"

#include "platform/http/json_reply.h"
#include "registry/model_json.h"

namespace capstan::training {
namespace {

http::Response train_tokenizer(TrainingService& training, const http::Request& request) {
    const auto body = http::read_json(request);
    if (!body) {
        return http::reply(body.error());
    }
    const auto job = training.train_tokenizer(
        {.project_id = request.principal.project_id,
         .name = body->string_or("name", ""),
         .dataset_commit_id = body->string_or("dataset_commit_id", ""),
         .vocabulary_size = body->int_or("vocabulary_size", 4096),
         .idempotency_key = body->string_or("idempotency_key", "")}
    );
    return job ? http::reply(Json::object({{"job_id", job->id}}), 202) : http::reply(job.error());
}

http::Response start_run(TrainingService& training, const http::Request& request) {
    const auto body = http::read_json(request);
    if (!body) {
        return http::reply(body.error());
    }
    const auto started = training.start(
        {.project_id = request.principal.project_id,
         .name = body->string_or("name", ""),
         .task = body->string_or("task", ""),
         .dataset_commit_id = body->string_or("dataset_commit_id", ""),
         .tokenizer_id = body->string_or("tokenizer_id", ""),
         .base_run_id = body->string_or("base_run_id", ""),
         .base_version_id = body->string_or("base_version_id", ""),
         .spec = body->contains("spec") ? (*body)["spec"] : Json::object(),
         .idempotency_key = body->string_or("idempotency_key", "")}
    );
    if (!started) {
        return http::reply(started.error());
    }
    return http::reply(Json::object({{"run_id", started->run.id}, {"job_id", started->job.id}}), 202);
}

http::Response register_run(TrainingService& training, const http::Request& request) {
    const auto body = http::read_json(request);
    if (!body) {
        return http::reply(body.error());
    }
    const auto version = training.register_run(
        {.project_id = request.principal.project_id,
         .model = request.param("name"),
         .run_id = body->string_or("run_id", ""),
         .kind = body->string_or("kind", ""),
         .base_version_id = body->string_or("base_version_id", ""),
         .description = body->string_or("description", "")}
    );
    return version ? http::reply(registry::to_json(*version), 201) : http::reply(version.error());
}

}  // namespace

void add_training_routes(http::Router& router, TrainingService& training) {
    router.post("/api/v1/tokenizers", "datasets.write", [&training](const http::Request& request) {
        return train_tokenizer(training, request);
    });
    router.post("/api/v1/training-runs", "runs.write", [&training](const http::Request& request) {
        return start_run(training, request);
    });
    router.post("/api/v1/models/{name}/versions", "models.write", [&training](const http::Request& request) {
        return register_run(training, request);
    });
}

}  // namespace capstan::training
