#pragma once

// Jobs in SQL, and nothing else: each function works on a session inside the caller's transaction.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "platform/jobs/job.h"

namespace soci {
class session;
}

namespace capstan::jobs {

struct JobFilter {
    std::string project_id = {};
    std::optional<JobState> state = {};
    std::string kind = {};  // Empty: any, as the next.
    std::string subject = {};
    std::string cursor = {};  // The id of the last job seen; empty: from the newest.
    int rows_max = 50;
};

// False, and nothing is changed, when the project has a job with this idempotency key.
bool insert_job(soci::session& session, const Job& job);

std::optional<Job> find_job(soci::session& session, std::string_view id);
std::optional<Job> find_job_by_key(
    soci::session& session, std::string_view project_id, std::string_view idempotency_key
);

// Newest first.
std::vector<Job> list_jobs(soci::session& session, const JobFilter& filter);

// The job that is to run next, if one is queued whose time has come.
std::optional<Job> find_next_job(soci::session& session, std::int64_t now_ms);

// Taken jobs whose lease ended by `now_ms`; and all that one worker has taken.
std::vector<Job> list_expired_jobs(soci::session& session, std::int64_t now_ms, int rows_max);
std::vector<Job> list_taken_jobs(soci::session& session, std::string_view lease_owner);

std::int64_t count_queued_jobs(soci::session& session, std::string_view project_id);

// Writes all that can change of `after` over the record that is still at `version_before`; kConflict
// otherwise.
Result<void> update_job(soci::session& session, std::int64_t version_before, const Job& after);

// Moves only the lease: no new version.
Result<void> update_lease(soci::session& session, const Job& job);

}  // namespace capstan::jobs
