#pragma once

// Starting evaluations of trained runs, and what came of them.

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "data/dataset_service.h"
#include "evaluation/evaluation.h"
#include "lineage/lineage_service.h"
#include "platform/jobs/job_service.h"
#include "platform/objects/object_store.h"
#include "tracking/run_service.h"

namespace capstan::evaluation {

struct RunTarget {
    std::string label;
    std::string run_id;  // A pretrain or lora run that succeeded.
};

struct NewEvaluation {
    std::string project_id;
    std::string name;
    std::vector<RunTarget> targets;  // The first is the baseline, the last the candidate.
    std::string texts_commit_id;     // Its split heldout; empty: no perplexity.
    std::string pairs_commit_id;     // Its split heldout; empty: no answers.
    Json spec = Json::object();      // Sizes, seed and gate (evaluation_job.h).
    std::string idempotency_key;     // Empty: a new evaluation each time.
};

// Thread-safe. Blocking.
class EvaluationService {
public:
    struct Inputs {  // All outlive the service.
        sql::Database& database;
        jobs::JobService& jobs;
        data::DatasetService& datasets;
        lineage::LineageService& lineage;
        tracking::RunService& runs;
        objects::ObjectStore& objects;
        IdSource next_id;
        ClockMs now_ms;
        std::filesystem::path program;       // The executable that has the command `work`.
        std::filesystem::path cache_folder;  // For shards and models as files.
    };

    // Ties the outcome of evaluation jobs to evaluations and lineage.
    explicit EvaluationService(Inputs inputs);

    // kInvalid, naming the member; kNotFound for a run or commit that is not there; kConflict for a run that
    // has not succeeded.
    Result<Evaluation> start(const NewEvaluation& asked);
    Result<Evaluation> get(std::string_view project_id, std::string_view id);
    Result<std::vector<Evaluation>> list(std::string_view project_id, std::string_view cursor, int rows_max);

private:
    Result<Json> job_spec(const NewEvaluation& asked);
    Result<Json> target_spec(const NewEvaluation& asked, const RunTarget& target);
    Result<std::filesystem::path> run_folder(const tracking::RunDetail& run);
    Result<void> record(soci::session& session, const jobs::Job& job);

    Inputs inputs_;
};

}  // namespace capstan::evaluation
