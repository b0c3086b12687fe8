#pragma once

// The state machine of a job: pure functions from a job and what happened to the job that follows.
//
//     queued ──lease──▶ leased ──start──▶ running ──end──▶ succeeded | failed | cancelled
//       ▲  └─cancel─▶ cancelled │            │
//       └── retry, release, ────┴────────────┘ ──expire, no attempt left──▶ lost
//           expire with attempts left
//
// A function that says kConflict found the job where this cannot happen: it has ended, or another worker has
// it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "platform/jobs/job.h"

namespace capstan::jobs {

struct RetryRules {
    std::int64_t backoff_ms = 1'000;  // After the first attempt; doubles with each.
    std::int64_t backoff_ms_max = 300'000;
};

// How long a job waits after `attempt` (from 1): between half and all of backoff_ms × 2^(attempt-1), at most
// backoff_ms_max. Where in between follows from the id and the attempt, so many jobs that failed together do
// not return together, and a test knows the number.
std::int64_t retry_delay_ms(const RetryRules& rules, std::string_view job_id, int attempt);

// Whether a failure of this kind could be gone at the next attempt.
bool could_mend(ErrorCode code);

struct Lease {
    std::string owner;
    std::string token;
    std::int64_t expires_ms = 0;
};

// How an attempt ended.
struct AttemptEnd {
    Result<Json> result = Json();  // What it made; or why it failed.
    std::optional<int> exit_code = {};
    std::optional<int> signal = {};
    bool may_retry = true;  // Whether another attempt could succeed.
};

Result<Job> leased(Job job, const Lease& lease, std::int64_t now_ms);
Result<Job> started(Job job, std::string_view token, std::string_view handle, std::int64_t now_ms);
Result<Job> reported(Job job, std::string_view token, const JobProgress& progress);
Result<Job> renewed(Job job, std::string_view token, std::int64_t expires_ms, std::int64_t now_ms);
// A cancel that was asked for before wins over success and failure alike.
Result<Job> ended(
    Job job, std::string_view token, const AttemptEnd& end, const RetryRules& rules, std::int64_t now_ms
);
// Gives the job back unharmed: the attempt does not count.
Result<Job> released(Job job, std::string_view token, std::int64_t now_ms);
// The lease is over; kConflict before that.
Result<Job> expired(Job job, const RetryRules& rules, std::int64_t now_ms);
// A queued job ends at once; a taken one when its worker has heard. A cancelled one stays as it is.
Result<Job> cancel_asked(Job job, std::int64_t now_ms);
// One more attempt for a job that failed, was cancelled or lost, on the same folder.
Result<Job> retried(Job job, std::int64_t now_ms);

}  // namespace capstan::jobs
