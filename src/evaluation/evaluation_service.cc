#include "evaluation/evaluation_service.h"

#include <fmt/format.h>

#include "evaluation/evaluation_job.h"
#include "evaluation/evaluation_spec.h"
#include "evaluation/evaluation_store.h"
#include "platform/objects/materialise.h"

namespace capstan::evaluation {
namespace {

constexpr std::size_t kNameBytesMax = 180;  // A job's subject, "evaluation:…", has 200.
constexpr std::int64_t kRunMsMax = 24LL * 3600 * 1000;

Json targets_json(const std::vector<RunTarget>& targets) {
    Json json = Json::array();
    for (const RunTarget& target : targets) {
        json.push(Json::object({{"label", target.label}, {"run_id", target.run_id}}));
    }
    return json;
}

Error not_succeeded(const tracking::Run& run) {
    return {
        ErrorCode::kConflict, fmt::format("run {} has not succeeded: it is {}", run.id, name_of(run.status))
    };
}

}  // namespace

EvaluationService::EvaluationService(Inputs inputs) : inputs_(std::move(inputs)) {
    jobs::JobHooks hooks;
    hooks.record = [this](soci::session& session, const jobs::Job& job, const Json&) {
        return record(session, job);
    };
    inputs_.jobs.on_finished(std::string(kEvaluationJob), std::move(hooks));
}

Result<std::filesystem::path> EvaluationService::run_folder(const tracking::RunDetail& run) {
    if (run.run.status != tracking::RunStatus::kSucceeded) {
        return not_succeeded(run.run);
    }
    std::vector<objects::NamedObject> files;
    for (const tracking::Artifact& artifact : run.artifacts) {
        files.push_back({artifact.path, artifact.object});
    }
    const auto folder = inputs_.cache_folder / "runs" / run.run.id;
    if (auto made = objects::materialise(inputs_.objects, files, folder); !made) {
        return made.error();
    }
    return folder;
}

Result<Json> EvaluationService::target_spec(const NewEvaluation& asked, const RunTarget& target) {
    const auto run = inputs_.runs.detail(asked.project_id, target.run_id);
    const auto folder = run ? run_folder(*run) : Result<std::filesystem::path>(run.error());
    if (!folder) {
        return folder.error();
    }
    Json json = Json::object({{"label", target.label}, {"model_dir", folder->string()}});
    if (run->run.kind == "lora") {
        const auto base_id = run->params.find("base_run_id");
        const auto base =
            inputs_.runs.detail(asked.project_id, base_id != run->params.end() ? base_id->second : "");
        const auto base_folder = base ? run_folder(*base) : Result<std::filesystem::path>(base.error());
        if (!base_folder) {
            return base_folder.error();
        }
        json.set("model_dir", base_folder->string());
        json.set("adapter_dir", folder->string());
    }
    return json;
}

Result<Json> EvaluationService::job_spec(const NewEvaluation& asked) {
    if (!asked.spec.is_object()) {
        return Error{ErrorCode::kInvalid, "'spec' must be an object"};
    }
    for (const std::string_view name : {"targets", "heldout", "pairs"}) {
        if (asked.spec.contains(name)) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("'spec.{}' comes from the runs and commits; leave it out", name)
            };
        }
    }
    Json spec = asked.spec;
    Json targets = Json::array();
    for (const RunTarget& target : asked.targets) {
        auto json = target_spec(asked, target);
        if (!json) {
            return json;
        }
        targets.push(std::move(*json));
    }
    spec.set("targets", std::move(targets));
    for (const auto& [member, commit_id] :
         {std::pair("heldout", &asked.texts_commit_id), {"pairs", &asked.pairs_commit_id}}) {
        if (commit_id->empty()) {
            continue;
        }
        const auto commit = inputs_.datasets.commit_detail(asked.project_id, *commit_id);
        if (!commit) {
            return commit.error();
        }
        const std::string_view kind = std::string_view(member) == "pairs" ? "pairs" : "text";
        if (commit->dataset.kind != kind) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format(
                    "'{}' must come from a dataset of {}; '{}' holds {}",
                    member,
                    kind,
                    commit->dataset.name,
                    commit->dataset.kind
                )
            };
        }
        const auto files =
            inputs_.datasets.shard_files(commit->manifest, "heldout", inputs_.cache_folder / "shards");
        if (!files) {
            return files.error();
        }
        Json paths = Json::array();
        for (const auto& file : *files) {
            paths.push(file.string());
        }
        spec.set(member, std::move(paths));
    }
    if (auto checked = evaluation_spec_from(spec); !checked) {
        return checked.error();
    }
    return spec;
}

Result<Evaluation> EvaluationService::start(const NewEvaluation& asked) {
    if (asked.name.empty() || asked.name.size() > kNameBytesMax) {
        return Error{ErrorCode::kInvalid, fmt::format("'name' must have 1 to {} bytes", kNameBytesMax)};
    }
    const auto spec = job_spec(asked);
    if (!spec) {
        return spec.error();
    }
    auto started = inputs_.database.transact([&](soci::session& session) -> Result<Evaluation> {
        const auto job = inputs_.jobs.submit_in(
            session,
            {.project_id = asked.project_id,
             .kind = std::string(kEvaluationJob),
             .subject = "evaluation:" + asked.name,
             .idempotency_key =
                 asked.idempotency_key.empty() ? std::nullopt : std::optional(asked.idempotency_key),
             .spec = *spec,
             .argv =
                 {inputs_.program.string(), "work", std::string(kEvaluationJob), "--job-dir", "{job_dir}"},
             .limits = {.run_ms_max = kRunMsMax}}
        );
        if (!job) {
            return job.error();
        }
        if (job->kind != kEvaluationJob) {
            return Error{
                ErrorCode::kConflict,
                fmt::format(
                    "the idempotency key was used before, for the job {} of kind {}", job->id, job->kind
                )
            };
        }
        return find_or_insert_evaluation(
            session,
            {.id = inputs_.next_id(),
             .project_id = asked.project_id,
             .name = asked.name,
             .job_id = job->id,
             .targets = targets_json(asked.targets),
             .state = "running",
             .created_ms = inputs_.now_ms()}
        );
    });
    if (started) {
        inputs_.jobs.announce();
    }
    return started;
}

Result<Evaluation> EvaluationService::get(std::string_view project_id, std::string_view id) {
    return inputs_.database.read([&](soci::session& session) {
        return find_evaluation(session, project_id, id);
    });
}

Result<std::vector<Evaluation>> EvaluationService::list(
    std::string_view project_id, std::string_view cursor, int rows_max
) {
    return inputs_.database.read([&](soci::session& session) {
        return Result<std::vector<Evaluation>>(list_evaluations(session, project_id, cursor, rows_max));
    });
}

Result<void> EvaluationService::record(soci::session& session, const jobs::Job& job) {
    const bool succeeded = job.state == jobs::JobState::kSucceeded;
    Evaluation end;
    end.state = succeeded ? "succeeded" : job.state == jobs::JobState::kCancelled ? "cancelled" : "failed";
    end.result = succeeded ? job.result : std::nullopt;
    end.error = job.error;
    end.finished_ms = inputs_.now_ms();
    finish_evaluation(session, job.id, end);
    if (!succeeded) {
        return {};
    }
    const auto found = find_evaluation_of_job(session, job.id);
    if (!found) {
        return Error{ErrorCode::kInternal, "job " + job.id + " has no evaluation"};
    }
    const Evaluation& evaluation = *found;
    lineage::Graph graph;
    const std::string node = lineage::node_name("evaluation", evaluation.id);
    graph.nodes.push_back({.name = node, .label = evaluation.name, .link = "/evaluations/" + evaluation.id});
    for (std::size_t i = 0; i < evaluation.targets.as_array()->size(); ++i) {
        const std::string run_id = (*evaluation.targets.as_array())[i].string_or("run_id", "");
        graph.edges.push_back({node, lineage::node_name("run", run_id), "evaluated"});
    }
    inputs_.lineage.add_in(session, job.project_id, graph);
    return {};
}

}  // namespace capstan::evaluation
