#include "platform/jobs/transitions.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/hash.h"

namespace capstan::jobs {
namespace {

bool is_taken(const Job& job) {
    return job.state == JobState::kLeased || job.state == JobState::kRunning;
}

Error conflict(const Job& job, std::string_view what) {
    return {
        ErrorCode::kConflict, fmt::format("job {} is {}: it cannot be {}", job.id, name_of(job.state), what)
    };
}

Result<void> check_lease(const Job& job, std::string_view token, std::string_view what) {
    if (!is_taken(job)) {
        return conflict(job, what);
    }
    if (job.lease_token != token) {
        return Error{ErrorCode::kConflict, fmt::format("job {} has been taken by another worker", job.id)};
    }
    return {};
}

Job without_lease(Job job) {
    job.lease_owner.clear();
    job.lease_token.clear();
    job.lease_expires_ms = 0;
    job.handle.clear();
    return job;
}

Job changed(Job job) {
    job.version += 1;
    return job;
}

Job finished(Job job, JobState state, std::int64_t now_ms) {
    job = without_lease(std::move(job));
    job.state = state;
    job.finished_ms = now_ms;
    return changed(std::move(job));
}

Job queued(Job job, std::int64_t not_before_ms) {
    job = without_lease(std::move(job));
    job.state = JobState::kQueued;
    job.not_before_ms = not_before_ms;
    return changed(std::move(job));
}

Job with_error(Job job, const Error& error) {
    job.error_code = error.code;
    job.error = error.message;
    return job;
}

}  // namespace

std::int64_t retry_delay_ms(const RetryRules& rules, std::string_view job_id, int attempt) {
    std::int64_t full = rules.backoff_ms;
    for (int i = 1; i < attempt && full < rules.backoff_ms_max; ++i) {
        full *= 2;
    }
    full = std::min(full, rules.backoff_ms_max);
    const std::int64_t half = full / 2;
    const std::uint64_t noise = xxh64(job_id, static_cast<std::uint64_t>(attempt));
    return full - static_cast<std::int64_t>(noise % static_cast<std::uint64_t>(half + 1));
}

bool could_mend(ErrorCode code) {
    return code == ErrorCode::kUnavailable || code == ErrorCode::kExhausted || code == ErrorCode::kInternal ||
           code == ErrorCode::kCancelled;
}

Result<Job> leased(Job job, const Lease& lease, std::int64_t now_ms) {
    if (job.state != JobState::kQueued || job.not_before_ms > now_ms) {
        return conflict(job, "taken now");
    }
    job.state = JobState::kLeased;
    job.attempt += 1;
    job.lease_owner = lease.owner;
    job.lease_token = lease.token;
    job.lease_expires_ms = lease.expires_ms;
    job.heartbeat_ms = now_ms;
    job.started_ms.reset();
    job.exit_code.reset();
    job.signal.reset();
    return changed(std::move(job));
}

Result<Job> started(Job job, std::string_view token, std::string_view handle, std::int64_t now_ms) {
    if (auto ours = check_lease(job, token, "started"); !ours) {
        return ours.error();
    }
    if (job.state != JobState::kLeased) {
        return conflict(job, "started");
    }
    job.state = JobState::kRunning;
    job.handle = handle;
    job.started_ms = now_ms;
    return changed(std::move(job));
}

Result<Job> reported(Job job, std::string_view token, const JobProgress& progress) {
    if (auto ours = check_lease(job, token, "reported on"); !ours) {
        return ours.error();
    }
    job.progress = progress;
    return changed(std::move(job));
}

Result<Job> renewed(Job job, std::string_view token, std::int64_t expires_ms, std::int64_t now_ms) {
    if (auto ours = check_lease(job, token, "kept"); !ours) {
        return ours.error();
    }
    job.lease_expires_ms = expires_ms;
    job.heartbeat_ms = now_ms;
    return job;  // Not a change that anybody waits for.
}

Result<Job> ended(
    Job job, std::string_view token, const AttemptEnd& end, const RetryRules& rules, std::int64_t now_ms
) {
    if (auto ours = check_lease(job, token, "ended"); !ours) {
        return ours.error();
    }
    job.exit_code = end.exit_code;
    job.signal = end.signal;
    if (job.cancel_requested) {
        job = with_error(std::move(job), {ErrorCode::kCancelled, "it was cancelled"});
        return finished(std::move(job), JobState::kCancelled, now_ms);
    }
    if (end.result) {
        job.result = *end.result;
        job.error_code.reset();
        job.error.reset();
        return finished(std::move(job), JobState::kSucceeded, now_ms);
    }
    job = with_error(std::move(job), end.result.error());
    if (end.may_retry && job.attempt < job.attempts_max) {
        const std::int64_t delay_ms = retry_delay_ms(rules, job.id, job.attempt);
        return queued(std::move(job), now_ms + delay_ms);
    }
    return finished(std::move(job), JobState::kFailed, now_ms);
}

Result<Job> released(Job job, std::string_view token, std::int64_t now_ms) {
    if (auto ours = check_lease(job, token, "given back"); !ours) {
        return ours.error();
    }
    if (job.cancel_requested) {
        job = with_error(std::move(job), {ErrorCode::kCancelled, "it was cancelled"});
        return finished(std::move(job), JobState::kCancelled, now_ms);
    }
    job.attempt -= 1;
    return queued(std::move(job), now_ms);
}

Result<Job> expired(Job job, const RetryRules& rules, std::int64_t now_ms) {
    if (!is_taken(job) || job.lease_expires_ms > now_ms) {
        return conflict(job, "given up");
    }
    if (job.cancel_requested) {
        job = with_error(std::move(job), {ErrorCode::kCancelled, "it was cancelled"});
        return finished(std::move(job), JobState::kCancelled, now_ms);
    }
    const Error died{
        ErrorCode::kUnavailable,
        fmt::format("the worker died during attempt {} of {}", job.attempt, job.attempts_max)
    };
    job = with_error(std::move(job), died);
    if (job.attempt < job.attempts_max) {
        const std::int64_t delay_ms = retry_delay_ms(rules, job.id, job.attempt);
        return queued(std::move(job), now_ms + delay_ms);
    }
    return finished(std::move(job), JobState::kLost, now_ms);
}

Result<Job> cancel_asked(Job job, std::int64_t now_ms) {
    if (job.state == JobState::kCancelled || (is_taken(job) && job.cancel_requested)) {
        return job;
    }
    if (is_final(job.state)) {
        return conflict(job, "cancelled");
    }
    job.cancel_requested = true;
    if (job.state == JobState::kQueued) {
        job = with_error(std::move(job), {ErrorCode::kCancelled, "it was cancelled"});
        return finished(std::move(job), JobState::kCancelled, now_ms);
    }
    return changed(std::move(job));
}

Result<Job> retried(Job job, std::int64_t now_ms) {
    if (!is_final(job.state) || job.state == JobState::kSucceeded) {
        return conflict(job, "tried again");
    }
    job.cancel_requested = false;
    job.finished_ms.reset();
    job.attempts_max = std::max(job.attempts_max, job.attempt + 1);
    return queued(std::move(job), now_ms);
}

}  // namespace capstan::jobs
