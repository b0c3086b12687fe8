#pragma once

// Building datasets: a curation is a job whose outcome is committed as up to two datasets, the texts and the
// question pairs derived from them.

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/result.h"
#include "data/dataset_service.h"
#include "lineage/lineage_service.h"
#include "platform/jobs/job_service.h"
#include "platform/objects/object_store.h"

namespace capstan::curation {

struct NewCuration {
    std::string project_id;
    std::string name;             // Of the dataset; its pairs go to "<name>-pairs".
    Json spec = Json::object();   // corpus/README.md lists the settings.
    std::string idempotency_key;  // Empty: a new job each time.
};

struct StartedCuration {
    jobs::Job job;
    data::Dataset dataset;
};

// Thread-safe. Blocking.
class CurationService {
public:
    struct Inputs {  // All outlive the service.
        sql::Database& database;
        jobs::JobService& jobs;
        data::DatasetService& datasets;
        lineage::LineageService& lineage;
        objects::ObjectStore& objects;
        std::filesystem::path program;      // The executable that has the command `work`.
        std::filesystem::path jobs_folder;  // Of the runner.
    };

    // Ties the outcome of curation jobs to datasets and lineage.
    explicit CurationService(Inputs inputs);

    // The dataset is there at once, its commit when the job has succeeded. kInvalid, naming the setting, for
    // a specification that the job would refuse; kConflict when the dataset holds something else than texts,
    // or the key was used for another kind of job.
    Result<StartedCuration> submit(const NewCuration& asked);

private:
    Result<Json> prepare(const jobs::Job& job);
    Result<void> record(soci::session& session, const jobs::Job& job, const Json& prepared);

    Inputs inputs_;
};

}  // namespace capstan::curation
