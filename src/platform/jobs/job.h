#pragma once

// A job: one piece of work for another process, as a record that survives the server.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/job_directory.h"
#include "base/json.h"
#include "base/result.h"

namespace capstan::jobs {

enum class JobState {
    kQueued,     // Waits for a worker, or until its time (not_before_ms).
    kLeased,     // A worker has taken it and is about to start it.
    kRunning,    // Its process runs.
    kSucceeded,  // Ended, as the three below.
    kFailed,
    kCancelled,
    kLost,  // Its worker died, and no attempt was left.
};

std::string_view name_of(JobState state);  // "queued", "leased", …
Result<JobState> parse_job_state(std::string_view text);
bool is_final(JobState state);

// What one attempt may use; 0: no limit.
struct JobLimits {
    std::int64_t run_ms_max = 0;
    std::int64_t memory_bytes = 0;
    std::int64_t cpu_seconds = 0;

    bool operator==(const JobLimits&) const = default;
};

struct NewJob {
    std::string project_id = {};
    std::string kind = {};     // 1 to 100 bytes, such as "train"; chooses the hooks.
    std::string subject = {};  // The node it works for, "run:…"; at most 200 bytes.
    // Submitting again with the same key (within the project) gives the first job; at most 200 bytes.
    std::optional<std::string> idempotency_key = {};
    Json spec = Json::object();  // Becomes spec.json; at most 1 MiB.
    // The program and its arguments; the argument "{job_dir}" stands for the job's folder.
    std::vector<std::string> argv = {};
    std::vector<std::pair<std::string, std::string>> environment = {
    };  // Kept in the record: no secrets here.
    JobLimits limits = {};
    int priority = 0;      // -1000 to 1000; higher ones run first, else the oldest.
    int attempts_max = 3;  // 1 to 100.
};

struct Job {
    std::string id = {};
    std::string project_id = {};
    std::string kind = {};
    std::string subject = {};
    std::optional<std::string> idempotency_key = {};
    Json spec = {};
    std::vector<std::string> argv = {};
    std::vector<std::pair<std::string, std::string>> environment = {};
    JobLimits limits = {};
    int priority = 0;
    int attempts_max = 1;

    JobState state = JobState::kQueued;
    std::int64_t version = 1;        // Rises with every change of the record.
    int attempt = 0;                 // Of the latest lease, from 1.
    std::int64_t not_before_ms = 0;  // Waits until then.
    bool cancel_requested = false;

    // While leased or running. Who holds the token may change the job; everybody else is too late.
    std::string lease_owner = {};
    std::string lease_token = {};
    std::int64_t lease_expires_ms = 0;
    std::optional<std::int64_t> heartbeat_ms = {};
    std::string handle = {};  // The executor's name for the attempt.

    std::int64_t created_ms = 0;
    std::optional<std::int64_t> started_ms = {};   // Of the latest attempt.
    std::optional<std::int64_t> finished_ms = {};  // Of the job.
    std::optional<int> exit_code = {};             // Of the latest attempt, as the next three.
    std::optional<int> signal = {};
    std::optional<ErrorCode> error_code = {};
    std::optional<std::string> error = {};
    std::optional<JobProgress> progress = {};
    std::optional<Json> result = {};

    bool is_final() const { return jobs::is_final(state); }
};

// As the API shows it: no command, no lease.
Json to_json(const Job& job);
Json to_json(const JobProgress& progress);
JobProgress progress_from(const Json& json);

}  // namespace capstan::jobs
