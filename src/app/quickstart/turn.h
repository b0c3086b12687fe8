#pragma once

// The ten steps of one turn. Each asks the server for something under an idempotency key and waits until it
// is there.

#include <string>
#include <vector>

#include "app/api_client.h"
#include "app/quickstart/console.h"
#include "app/quickstart/plan.h"
#include "base/json.h"
#include "base/result.h"

namespace capstan::app {

// Used by one thread.
class Turn {
public:
    Turn(ApiClient& api, Console& console, Plan plan, std::filesystem::path home)
        : api_(api), console_(console), plan_(std::move(plan)), home_(std::move(home)) {}

    Result<void> run();

private:
    Result<void> curate();
    Result<void> train_tokenizer();
    Result<void> pretrain();
    Result<void> adapt();
    Result<void> evaluate();
    Result<void> register_models();
    Result<void> deploy();
    Result<void> use();
    Result<void> decide();
    Result<void> show();

    std::string key(std::string_view step) const {
        return "quickstart/" + plan_.profile + "/" + std::string(step);
    }

    // Waits for the job's end, showing its progress; gives a job that failed for a reason that may pass one
    // more attempt.
    Result<Json> wait_for_job(const std::string& job_id);
    Result<Json> find_dataset(const std::string& name);
    Result<Json> start_run(const Json& body, std::string& run_id);
    Result<void> register_run(const std::string& run_id, const std::string& base_version_id, Json& version);

    ApiClient& api_;
    Console& console_;
    Plan plan_;
    std::filesystem::path home_;

    std::string texts_commit_;
    std::string pairs_commit_;
    std::string tokenizer_id_;
    std::string base_run_;
    std::string adapted_run_;
    Json evaluation_;
    Json base_version_;
    Json adapted_version_;
    Json deployment_;
    std::string example_response_;
};

}  // namespace capstan::app
