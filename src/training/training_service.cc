#include "training/training_service.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "platform/objects/materialise.h"
#include "training/tokenizer_job.h"

namespace capstan::training {
namespace {

constexpr std::int64_t kRunMsMax = 7LL * 24 * 3600 * 1000;
constexpr std::int64_t kTokenizerMsMax = 3600LL * 1000;
constexpr std::string_view kExperiment = "training";

Json paths_json(const std::vector<std::filesystem::path>& paths) {
    Json json = Json::array();
    for (const auto& path : paths) {
        json.push(path.string());
    }
    return json;
}

std::optional<std::string> key_or_none(const std::string& key) {
    return key.empty() ? std::nullopt : std::optional(key);
}

Error used_before(const jobs::Job& job) {
    return {
        ErrorCode::kConflict,
        fmt::format("the idempotency key was used before, for the job {} of kind {}", job.id, job.kind)
    };
}

// The members of `spec` as a run's parameters: "optimizer.learning_rate" → "0.003".
void flatten(const Json& json, const std::string& prefix, std::map<std::string, std::string>& params) {
    const auto* members = json.as_object();
    if (members == nullptr) {
        const auto* text = json.as_string();
        params[prefix] = text != nullptr ? *text : json.dump();
        return;
    }
    for (const auto& [name, value] : *members) {
        flatten(value, prefix.empty() ? name : prefix + "." + name, params);
    }
}

}  // namespace

TrainingService::TrainingService(Inputs inputs) : inputs_(std::move(inputs)) {
    tie_tokenizer_jobs();
    tie_training_jobs();
}

Result<jobs::Job> TrainingService::train_tokenizer(const NewTokenizer& asked) {
    const auto commit = inputs_.datasets.commit_detail(asked.project_id, asked.dataset_commit_id);
    if (!commit) {
        return commit.error();
    }
    if (asked.name.empty() || asked.name.size() > 200) {
        return Error{ErrorCode::kInvalid, "'name' must have 1 to 200 bytes"};
    }
    if (asked.vocabulary_size < 300 || asked.vocabulary_size > 1'000'000) {
        return Error{ErrorCode::kInvalid, "'vocabulary_size' must be from 300 to 1,000,000"};
    }
    if (commit->dataset.kind != "text") {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "a tokenizer is trained on texts; dataset '{}' holds {}",
                commit->dataset.name,
                commit->dataset.kind
            )
        };
    }
    const auto inputs =
        inputs_.datasets.shard_files(commit->manifest, "train", inputs_.cache_folder / "shards");
    if (!inputs) {
        return inputs.error();
    }
    auto job = inputs_.jobs.submit(
        {.project_id = asked.project_id,
         .kind = std::string(kTokenizerJob),
         .subject = "dataset_commit:" + asked.dataset_commit_id,
         .idempotency_key = key_or_none(asked.idempotency_key),
         .spec = Json::object(
             {{"name", asked.name},
              {"inputs", paths_json(*inputs)},
              {"vocabulary_size", asked.vocabulary_size}}
         ),
         .argv = {inputs_.program.string(), "work", std::string(kTokenizerJob), "--job-dir", "{job_dir}"},
         .limits = {.run_ms_max = kTokenizerMsMax}}
    );
    if (job && job->kind != kTokenizerJob) {
        return used_before(*job);
    }
    return job;
}

Result<void> TrainingService::add_data(const NewTrainingRun& asked, Json& spec) {
    const auto commit = inputs_.datasets.commit_detail(asked.project_id, asked.dataset_commit_id);
    if (!commit) {
        return commit.error();
    }
    const std::string_view kind = asked.task == "lora" ? "pairs" : "text";
    if (commit->dataset.kind != kind) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "task '{}' trains on {}; dataset '{}' holds {}",
                asked.task,
                kind,
                commit->dataset.name,
                commit->dataset.kind
            )
        };
    }
    Json files = Json::object();
    for (const std::string_view split : {"train", "heldout"}) {
        const auto paths =
            inputs_.datasets.shard_files(commit->manifest, split, inputs_.cache_folder / "shards");
        if (!paths) {
            return paths.error();
        }
        files.set(split, paths_json(*paths));
    }
    spec.set("data", std::move(files));
    return {};
}

Result<void> TrainingService::add_tokenizer(const NewTrainingRun& asked, Json& spec) {
    const auto tokenizer = inputs_.models.tokenizer(asked.project_id, asked.tokenizer_id);
    if (!tokenizer) {
        return tokenizer.error();
    }
    const auto folder = inputs_.cache_folder / "tokenizers" / tokenizer->id;
    const auto made = objects::materialise(
        inputs_.objects,
        {{"tokenizer.json", tokenizer->tokenizer_object}, {"tokenizer_config.json", tokenizer->config_object}
        },
        folder
    );
    if (!made) {
        return made.error();
    }
    spec.set("tokenizer", (folder / "tokenizer.json").string());
    spec.set("tokenizer_config", (folder / "tokenizer_config.json").string());
    Json model = spec["model"].is_object() ? spec["model"] : Json::object();
    model.set("vocab_size", tokenizer->vocabulary_size);
    spec.set("model", std::move(model));
    return {};
}

Result<void> TrainingService::add_base(const NewTrainingRun& asked, Json& spec) {
    const auto base = inputs_.runs.detail(asked.project_id, asked.base_run_id);
    if (!base) {
        return base.error();
    }
    if (base->run.status != tracking::RunStatus::kSucceeded || base->run.kind != "pretrain") {
        return Error{
            ErrorCode::kConflict,
            fmt::format(
                "run {} is no pretrain run that succeeded: there is no model to adapt", asked.base_run_id
            )
        };
    }
    std::vector<objects::NamedObject> files;
    for (const tracking::Artifact& artifact : base->artifacts) {
        files.push_back({artifact.path, artifact.object});
    }
    const auto folder = inputs_.cache_folder / "runs" / asked.base_run_id;
    if (auto made = objects::materialise(inputs_.objects, files, folder); !made) {
        return made;
    }
    spec.set("base_model", folder.string());
    spec.set("tokenizer", (folder / "tokenizer.json").string());
    spec.set("tokenizer_config", (folder / "tokenizer_config.json").string());
    return {};
}

Result<Json> TrainingService::trainer_spec(const NewTrainingRun& asked) {
    if (asked.task != "pretrain" && asked.task != "lora") {
        return Error{ErrorCode::kInvalid, "'task' must be pretrain or lora"};
    }
    if (!asked.spec.is_object()) {
        return Error{ErrorCode::kInvalid, "'spec' must be an object of the trainer's settings"};
    }
    for (const std::string_view name : {"task", "data", "tokenizer", "tokenizer_config", "base_model"}) {
        if (asked.spec.contains(name)) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("'spec.{}' comes from what the run names; leave it out", name)
            };
        }
    }
    Json spec = asked.spec;
    spec.set("task", asked.task);
    if (!spec.contains("threads")) {
        spec.set("threads", inputs_.threads);
    }
    if (auto added = add_data(asked, spec); !added) {
        return added.error();
    }
    if (auto added = asked.task == "lora" ? add_base(asked, spec) : add_tokenizer(asked, spec); !added) {
        return added.error();
    }
    return spec;
}

// The same with the run that made the base version, when only that is named.
Result<NewTrainingRun> TrainingService::with_base_run(const NewTrainingRun& asked) {
    NewTrainingRun complete = asked;
    if (asked.task != "lora" || !asked.base_run_id.empty() || asked.base_version_id.empty()) {
        return complete;
    }
    const auto version = inputs_.models.version(asked.project_id, asked.base_version_id);
    if (!version) {
        return version.error();
    }
    if (!version->run_id) {
        return Error{
            ErrorCode::kConflict,
            fmt::format("version {} was not made by a run: name a 'base_run_id'", asked.base_version_id)
        };
    }
    complete.base_run_id = *version->run_id;
    return complete;
}

Result<StartedRun> TrainingService::start(const NewTrainingRun& asked_for) {
    const auto complete = with_base_run(asked_for);
    const auto spec = complete ? trainer_spec(*complete) : Result<Json>(complete.error());
    if (!spec) {
        return spec.error();
    }
    const NewTrainingRun& asked = *complete;
    tracking::NewRun run{
        .project_id = asked.project_id,
        .experiment = std::string(kExperiment),
        .name = asked.name,
        .kind = asked.task,
        .params = {},
    };
    flatten(asked.spec, "", run.params);
    run.params["dataset_commit_id"] = asked.dataset_commit_id;
    run.params[asked.task == "lora" ? "base_run_id" : "tokenizer_id"] =
        asked.task == "lora" ? asked.base_run_id : asked.tokenizer_id;
    std::optional<jobs::Job> first;  // That has the key already.
    auto started = inputs_.database.transact([&](soci::session& session) -> Result<StartedRun> {
        first.reset();
        auto created = inputs_.runs.create_in(session, run);
        if (!created) {
            return created.error();
        }
        auto job = inputs_.jobs.submit_in(
            session,
            {.project_id = asked.project_id,
             .kind = std::string(kTrainingJob),
             .subject = "run:" + created->id,
             .idempotency_key = key_or_none(asked.idempotency_key),
             .spec = *spec,
             .argv = {inputs_.trainer.string(), "--job-dir", "{job_dir}"},
             .limits = {.run_ms_max = kRunMsMax}}
        );
        if (!job) {
            return job.error();
        }
        if (job->subject != "run:" + created->id) {
            // The same key again: the first job and its run are the answer, and this run is not kept.
            first = std::move(*job);
            return used_before(*first);
        }
        if (auto attached = inputs_.runs.attach_job_in(session, *created, job->id); !attached) {
            return attached.error();
        }
        return StartedRun{std::move(*created), std::move(*job)};
    });
    if (started) {
        inputs_.jobs.announce();
        return started;
    }
    if (!first || first->kind != kTrainingJob) {
        return started;
    }
    auto first_run =
        inputs_.runs.get(asked.project_id, first->subject.substr(std::string_view("run:").size()));
    if (!first_run) {
        return first_run.error();
    }
    return StartedRun{std::move(*first_run), std::move(*first)};
}

Result<registry::Version> TrainingService::register_run(const NewRegistration& asked) {
    const auto detail = inputs_.runs.detail(asked.project_id, asked.run_id);
    if (!detail) {
        return detail.error();
    }
    if (detail->run.status != tracking::RunStatus::kSucceeded) {
        return Error{
            ErrorCode::kConflict,
            fmt::format("run {} has not succeeded: it is {}", asked.run_id, name_of(detail->run.status))
        };
    }
    const bool is_adapter = detail->run.kind == "lora";
    const registry::VersionKind kind =
        is_adapter ? registry::VersionKind::kAdapter : registry::VersionKind::kFull;
    if (!asked.kind.empty() && asked.kind != name_of(kind)) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("run {} made a model of kind {}, not {}", asked.run_id, name_of(kind), asked.kind)
        };
    }
    if (detail->artifacts.empty()) {
        return Error{ErrorCode::kConflict, fmt::format("run {} made no files to register", asked.run_id)};
    }
    registry::NewVersion version{
        .project_id = asked.project_id,
        .model = asked.model,
        .description = asked.description,
        .kind = kind,
        .base_version_id =
            asked.base_version_id.empty() ? std::nullopt : std::optional(asked.base_version_id),
        .run_id = asked.run_id,
        .scores = Json::object(),
        .files = {},
    };
    const auto parameters = detail->summary.find("parameters");
    version.parameters =
        parameters != detail->summary.end() ? static_cast<std::int64_t>(parameters->second) : 0;
    for (const tracking::Artifact& artifact : detail->artifacts) {
        version.files.push_back({artifact.path, artifact.object, artifact.bytes});
    }
    return inputs_.database.transact([&](soci::session& session) -> Result<registry::Version> {
        auto made = inputs_.models.register_version_in(session, version);
        if (!made) {
            return made;
        }
        const std::string node = lineage::node_name("model_version", made->id);
        lineage::Graph graph;
        graph.nodes.push_back(
            {.name = node,
             .label = fmt::format("{}/{}", made->model, made->number),
             .link = "/models/" + made->model,
             .detail = Json::object({{"kind", name_of(made->kind)}})}
        );
        graph.edges.push_back({node, lineage::node_name("run", asked.run_id), "produced_by"});
        if (made->base_version_id) {
            graph.edges.push_back(
                {node, lineage::node_name("model_version", *made->base_version_id), "adapts"}
            );
        }
        inputs_.lineage.add_in(session, asked.project_id, graph);
        return made;
    });
}

}  // namespace capstan::training
