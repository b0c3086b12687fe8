#pragma once

// Training, by jobs: tokenizers, models from nothing, and adapters of a model that is there. What a job
// reports becomes the metrics of its run; what it leaves becomes the run's artifacts; and a run that
// succeeded can be registered as a model version.

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/result.h"
#include "data/dataset_service.h"
#include "lineage/lineage_service.h"
#include "platform/jobs/job_service.h"
#include "platform/objects/object_store.h"
#include "registry/model_service.h"
#include "tracking/run_service.h"

namespace capstan::training {

inline constexpr std::string_view kTrainingJob = "model.train";

struct NewTokenizer {
    std::string project_id;
    std::string name;
    std::string dataset_commit_id;
    std::int64_t vocabulary_size = 4096;
    std::string idempotency_key;  // Empty: a new job each time.
};

struct NewTrainingRun {
    std::string project_id;
    std::string name;
    std::string task;  // "pretrain" or "lora"
    std::string dataset_commit_id;
    std::string tokenizer_id;     // Of a pretrain.
    std::string base_run_id;      // Of a lora: the run whose model it adapts;
    std::string base_version_id;  // or the registered version, when the run is not named.
    Json spec = Json::object(
    );  // Further settings of the trainer (src/trainer/README.md): model, optimizer, batch, time_budget_s, …
    std::string idempotency_key;
};

struct StartedRun {
    tracking::Run run;
    jobs::Job job;
};

struct NewRegistration {
    std::string project_id;
    std::string model;
    std::string run_id;           // Succeeded.
    std::string kind;             // "full" or "adapter"; empty: what the run made.
    std::string base_version_id;  // Of an adapter.
    std::string description;
};

// Thread-safe. Blocking.
class TrainingService {
public:
    struct Inputs {  // All outlive the service.
        sql::Database& database;
        jobs::JobService& jobs;
        data::DatasetService& datasets;
        lineage::LineageService& lineage;
        registry::ModelService& models;
        tracking::RunService& runs;
        objects::ObjectStore& objects;
        std::filesystem::path program;       // The executable that has the command `work`.
        std::filesystem::path trainer;       // capstan-train.
        std::filesystem::path jobs_folder;   // Of the runner.
        std::filesystem::path cache_folder;  // For shards and models as files.
        int threads = 2;                     // Of a training job.
    };

    // Ties the outcome of training jobs to runs, tokenizers and lineage.
    explicit TrainingService(Inputs inputs);

    // kInvalid, naming the member, and for a commit that holds no texts; kNotFound for a commit that is not
    // there; kConflict when the key was used for another kind of job, as in `start`.
    Result<jobs::Job> train_tokenizer(const NewTokenizer& asked);
    // kInvalid, naming the member; kNotFound for a commit, tokenizer or run that is not there; kConflict for
    // a base run that has not succeeded.
    Result<StartedRun> start(const NewTrainingRun& asked);
    // A version of the run's files. Registering a run again under the same model answers its version.
    // kInvalid when `kind` is not what the run made; kConflict for a run that has not succeeded or made no
    // files.
    Result<registry::Version> register_run(const NewRegistration& asked);

private:
    Result<NewTrainingRun> with_base_run(const NewTrainingRun& asked);
    Result<Json> trainer_spec(const NewTrainingRun& asked);
    Result<void> add_base(const NewTrainingRun& asked, Json& spec);
    Result<void> add_tokenizer(const NewTrainingRun& asked, Json& spec);
    Result<void> add_data(const NewTrainingRun& asked, Json& spec);

    void tie_tokenizer_jobs();
    void tie_training_jobs();
    void keep_metrics(const jobs::Job& job, const std::vector<JobProgress>& reports);
    bool goes_back(const std::string& job_id, std::int64_t step);
    void forget_steps(const std::string& job_id);
    Result<Json> store_files(const jobs::Job& job, std::string_view subfolder);
    Result<void> record_tokenizer(soci::session& session, const jobs::Job& job, const Json& files);
    Result<void> record_run(soci::session& session, const jobs::Job& job, const Json& prepared);

    Inputs inputs_;
    std::mutex steps_mutex_;
    std::map<std::string, std::int64_t> last_steps_;  // Reported, by job that runs. Guarded by steps_mutex_.
};

}  // namespace capstan::training
