#pragma once

// An evaluation: models compared on held-out text and questions, with a verdict.

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"

namespace capstan::evaluation {

struct Evaluation {
    std::string id;
    std::string project_id;
    std::string name;
    std::string job_id;
    Json targets =
        Json::array();           // [{"label", "run_id"}]: the first is the baseline, the last the candidate.
    std::string state;           // "running", "succeeded", "failed", "cancelled"
    std::optional<Json> result;  // evaluation_job.h describes it.
    std::optional<std::string> error;
    std::int64_t created_ms = 0;
    std::optional<std::int64_t> finished_ms;
};

}  // namespace capstan::evaluation
