// What becomes of training jobs: the other half of TrainingService.

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "base/job_directory.h"
#include "base/log.h"
#include "training/tokenizer_job.h"
#include "training/training_service.h"

namespace capstan::training {
namespace {

constexpr std::size_t kPointsAtATime = 5000;

std::string run_id_of(const jobs::Job& job) {
    return job.subject.substr(std::string_view("run:").size());
}

// The regular files below `folder`, sorted. Links are left out: they may lead anywhere.
Result<std::vector<std::filesystem::path>> files_below(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    std::error_code failure;
    for (auto it = std::filesystem::recursive_directory_iterator(folder, failure);
         !failure && it != std::filesystem::recursive_directory_iterator();
         it.increment(failure)) {
        if (it->is_regular_file() && !it->is_symlink()) {
            files.push_back(it->path());
        }
    }
    if (failure) {
        return Error{ErrorCode::kUnavailable, "cannot list " + folder.string() + ": " + failure.message()};
    }
    std::ranges::sort(files);
    return files;
}

std::string object_of(const Json& files, std::string_view name) {
    for (std::size_t i = 0; files.as_array() != nullptr && i < files.as_array()->size(); ++i) {
        const Json& file = (*files.as_array())[i];
        if (file.string_or("path", "") == name) {
            return file.string_or("object", "");
        }
    }
    return {};
}

}  // namespace

Result<Json> TrainingService::store_files(const jobs::Job& job, std::string_view subfolder) {
    const auto folder = JobDirectory(inputs_.jobs_folder / job.id).inside(subfolder);
    const auto files =
        folder ? files_below(*folder) : Result<std::vector<std::filesystem::path>>(folder.error());
    if (!files) {
        return files.error();
    }
    Json stored = Json::array();
    for (const auto& file : *files) {
        const auto object = inputs_.objects.put_file(file);
        if (!object) {
            return object.error();
        }
        stored.push(Json::object(
            {{"path", file.lexically_relative(*folder).string()},
             {"object", object->id},
             {"bytes", object->size_bytes}}
        ));
    }
    return stored;
}

void TrainingService::tie_tokenizer_jobs() {
    jobs::JobHooks hooks;
    hooks.prepare = [this](const jobs::Job& job) { return store_files(job, "out"); };
    hooks.record = [this](soci::session& session, const jobs::Job& job, const Json& prepared) {
        return record_tokenizer(session, job, prepared);
    };
    inputs_.jobs.on_finished(std::string(kTokenizerJob), std::move(hooks));
}

// Whether a process now reports steps that an earlier one was already past: that one was killed.
bool TrainingService::goes_back(const std::string& job_id, std::int64_t step) {
    const std::scoped_lock lock(steps_mutex_);
    const auto [last, is_first] = last_steps_.try_emplace(job_id, step);
    const bool is_back = is_first || step < last->second;
    last->second = step;
    return is_back;
}

void TrainingService::forget_steps(const std::string& job_id) {
    const std::scoped_lock lock(steps_mutex_);
    last_steps_.erase(job_id);
}

void TrainingService::keep_metrics(const jobs::Job& job, const std::vector<JobProgress>& reports) {
    const std::string run = run_id_of(job);
    const auto warn = [&](const Result<void>& kept) {
        if (!kept) {
            log_warning("metrics not kept", {{"job", job.id}, {"reason", kept.error().message}});
        }
    };
    std::vector<tracking::MetricPoint> points;
    const auto flush = [&] {
        warn(inputs_.runs.log_metrics(job.project_id, run, points));
        points.clear();
    };
    for (const JobProgress& report : reports) {
        if (report.metrics.empty()) {
            continue;  // Words only: such a report may name step 0 again.
        }
        if (goes_back(job.id, report.step)) {
            flush();
            warn(inputs_.runs.rewind_metrics(job.project_id, run, report.step, report.time_ms));
        }
        for (const auto& [name, value] : report.metrics) {
            if (points.size() == kPointsAtATime) {
                flush();
            }
            points.push_back({name, report.step, value, report.time_ms});
        }
    }
    flush();
}

void TrainingService::tie_training_jobs() {
    jobs::JobHooks hooks;
    hooks.on_started = [this](const jobs::Job& job) {
        if (auto started = inputs_.runs.start(job.project_id, run_id_of(job)); !started) {
            log_warning("run not started", {{"job", job.id}, {"reason", started.error().message}});
        }
    };
    hooks.on_progress = [this](const jobs::Job& job, const std::vector<JobProgress>& reports) {
        keep_metrics(job, reports);
    };
    hooks.prepare = [this](const jobs::Job& job) -> Result<Json> {
        const auto result = JobDirectory(inputs_.jobs_folder / job.id).read_result();
        if (!result) {
            return result;
        }
        const bool is_adapter = result->contains("adapter_dir");
        return store_files(job, result->string_or(is_adapter ? "adapter_dir" : "model_dir", "out/model"));
    };
    hooks.record = [this](soci::session& session, const jobs::Job& job, const Json& prepared) {
        forget_steps(job.id);
        return record_run(session, job, prepared);
    };
    inputs_.jobs.on_finished(std::string(kTrainingJob), std::move(hooks));
}

Result<void> TrainingService::record_tokenizer(
    soci::session& session, const jobs::Job& job, const Json& files
) {
    if (job.state != jobs::JobState::kSucceeded) {
        return {};
    }
    const registry::Tokenizer tokenizer = inputs_.models.register_tokenizer_in(
        session,
        {.project_id = job.project_id,
         .name = job.spec.string_or("name", ""),
         .vocabulary_size = job.result ? job.result->int_or("vocabulary_size", 0) : 0,
         .tokenizer_object = object_of(files, "tokenizer.json"),
         .config_object = object_of(files, "tokenizer_config.json"),
         .dataset_commit_id = job.subject.substr(std::string_view("dataset_commit:").size()),
         .job_id = job.id}
    );
    lineage::Graph graph;
    const std::string node = lineage::node_name("tokenizer", tokenizer.id);
    graph.nodes.push_back({.name = node, .label = tokenizer.name, .link = ""});
    graph.edges.push_back({node, job.subject, "trained_on"});
    inputs_.lineage.add_in(session, job.project_id, graph);
    return {};
}

Result<void> TrainingService::record_run(soci::session& session, const jobs::Job& job, const Json& prepared) {
    const std::string run_id = run_id_of(job);
    tracking::RunEnd end{.error = job.error.value_or("")};
    switch (job.state) {
        case jobs::JobState::kSucceeded:
            end.status = tracking::RunStatus::kSucceeded;
            break;
        case jobs::JobState::kCancelled:
            end.status = tracking::RunStatus::kCancelled;
            break;
        default:
            end.status = tracking::RunStatus::kFailed;
            break;
    }
    for (std::size_t i = 0; prepared.as_array() != nullptr && i < prepared.as_array()->size(); ++i) {
        const Json& file = (*prepared.as_array())[i];
        end.artifacts.push_back(
            {file.string_or("path", ""), file.string_or("object", ""), file.int_or("bytes", 0)}
        );
    }
    if (auto ended = inputs_.runs.end_in(session, job.project_id, run_id, end); !ended) {
        return ended;
    }
    if (job.state != jobs::JobState::kSucceeded) {
        return {};
    }
    const auto detail = inputs_.runs.detail_in(session, job.project_id, run_id);
    if (!detail) {
        return detail.error();
    }
    lineage::Graph graph;
    const std::string node = lineage::node_name("run", run_id);
    graph.nodes.push_back({.name = node, .label = detail->run.name, .link = "/runs/" + run_id});
    for (const auto& [param, kind, relation] :
         {std::tuple("dataset_commit_id", "dataset_commit", "trained_on"),
          std::tuple("tokenizer_id", "tokenizer", "tokenized_by"),
          std::tuple("base_run_id", "run", "adapts")}) {
        if (const auto found = detail->params.find(param); found != detail->params.end()) {
            graph.edges.push_back({node, lineage::node_name(kind, found->second), relation});
        }
    }
    inputs_.lineage.add_in(session, job.project_id, graph);
    return {};
}

}  // namespace capstan::training
