#pragma once

// A run: one training, evaluation or other computation, with what went in and what it reported.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace capstan::tracking {

enum class RunStatus { kQueued, kRunning, kSucceeded, kFailed, kCancelled };

std::string_view name_of(RunStatus status);  // "queued"
RunStatus run_status_from(std::string_view name);
bool is_final(RunStatus status);

struct Run {
    std::string id;  // UUIDv7: sorts by creation time.
    std::string project_id;
    std::string experiment_id;
    std::string name;
    std::string kind;  // "pretrain", "lora", "evaluation", …: a word of whoever runs it.
    RunStatus status = RunStatus::kQueued;
    std::optional<std::string> job_id;
    std::int64_t created_ms = 0;
    std::optional<std::int64_t> started_ms;
    std::optional<std::int64_t> ended_ms;
    std::optional<std::string> error;
};

struct Experiment {
    std::string id;
    std::string project_id;
    std::string name;
    std::int64_t created_ms = 0;
};

// One scalar at one step. `step` counts from 0 in the run's own unit; `value` has the metric's own unit.
struct MetricPoint {
    std::string name;
    std::int64_t step = 0;
    double value = 0;
    std::int64_t time_ms = 0;
};

// A file that a run made, in the object store.
struct Artifact {
    std::string path;
    std::string object;
    std::int64_t bytes = 0;
};

}  // namespace capstan::tracking
