#include "platform/jobs/job_service.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include <fmt/format.h>

#include "base/log.h"

namespace capstan::jobs {
namespace {

constexpr std::size_t kSpecBytesMax = std::size_t{1} << 20;
constexpr std::size_t kCommandBytesMax = 128 * 1024;
constexpr std::int64_t kWaitMsMax = 60'000;
constexpr std::int64_t kLookMs = 1'000;  // Changes made by another server are seen by looking.
constexpr int kRowsMax = 1'000;

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

Result<Job> no_job(std::string_view id) {
    return Error{ErrorCode::kNotFound, fmt::format("there is no job {}", id.substr(0, 64))};
}

Result<void> check_text(
    std::string_view name, std::string_view text, std::size_t bytes_min, std::size_t bytes_max
) {
    if (text.size() < bytes_min || text.size() > bytes_max) {
        return invalid(fmt::format("'{}' of a job must have {} to {} bytes", name, bytes_min, bytes_max));
    }
    return {};
}

Result<void> check_number(std::string_view name, std::int64_t value, std::int64_t min, std::int64_t max) {
    if (value < min || value > max) {
        return invalid(fmt::format("'{}' of a job must be between {} and {}; got {}", name, min, max, value));
    }
    return {};
}

Result<void> check_command(const NewJob& asked) {
    std::size_t bytes = 0;
    for (const std::string& argument : asked.argv) {
        bytes += argument.size();
    }
    for (const auto& [name, value] : asked.environment) {
        bytes += name.size() + value.size();
    }
    if (asked.argv.empty() || asked.argv.front().empty()) {
        return invalid("a job needs a program: argv is empty");
    }
    if (bytes > kCommandBytesMax) {
        return invalid(fmt::format("the command of a job may have at most {} bytes", kCommandBytesMax));
    }
    return {};
}

Result<void> check(const NewJob& asked) {
    const std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();
    for (const Result<void>& checked :
         {check_text("project_id", asked.project_id, 1, 200),
          check_text("kind", asked.kind, 1, 100),
          check_text("subject", asked.subject, 0, 200),
          check_text("idempotency_key", asked.idempotency_key.value_or("x"), 1, 200),
          check_number("priority", asked.priority, -1000, 1000),
          check_number("attempts_max", asked.attempts_max, 1, 100),
          check_number("limits.run_ms_max", asked.limits.run_ms_max, 0, no_limit),
          check_number("limits.memory_bytes", asked.limits.memory_bytes, 0, no_limit),
          check_number("limits.cpu_seconds", asked.limits.cpu_seconds, 0, no_limit),
          check_command(asked)}) {
        if (!checked) {
            return checked;
        }
    }
    if (asked.spec.dump().size() > kSpecBytesMax) {
        return Error{
            ErrorCode::kTooLarge, fmt::format("'spec' of a job may have at most {} bytes", kSpecBytesMax)
        };
    }
    return {};
}

}  // namespace

Result<Job> JobService::submit(const NewJob& asked) {
    auto job = inputs_.database.transact([&](soci::session& session) { return submit_in(session, asked); });
    if (job) {
        announce();
    }
    return job;
}

Result<Job> JobService::submit_in(soci::session& session, const NewJob& asked) {
    if (auto checked = check(asked); !checked) {
        return checked.error();
    }
    if (asked.idempotency_key) {
        if (auto known = find_job_by_key(session, asked.project_id, *asked.idempotency_key)) {
            return *std::move(known);
        }
    }
    if (count_queued_jobs(session, asked.project_id) >= inputs_.queued_max) {
        return Error{
            ErrorCode::kExhausted,
            fmt::format("{} jobs wait already; wait for some to end, or cancel them", inputs_.queued_max)
        };
    }
    const std::int64_t now_ms = inputs_.now_ms();
    Job job{
        .id = inputs_.next_id(),
        .project_id = asked.project_id,
        .kind = asked.kind,
        .subject = asked.subject,
        .idempotency_key = asked.idempotency_key,
        .spec = asked.spec,
        .argv = asked.argv,
        .environment = asked.environment,
        .limits = asked.limits,
        .priority = asked.priority,
        .attempts_max = asked.attempts_max,
        .not_before_ms = now_ms,
        .created_ms = now_ms,
    };
    if (insert_job(session, job)) {
        return job;
    }
    auto known = find_job_by_key(session, asked.project_id, asked.idempotency_key.value_or(""));
    if (!known) {
        return Error{ErrorCode::kConflict, fmt::format("there is a job {} already", job.id)};
    }
    return *std::move(known);
}

void JobService::announce() {
    {
        const std::scoped_lock lock(mutex_);
        changes_ += 1;
    }
    changed_.notify_all();
}

Result<Job> JobService::get(std::string_view project_id, std::string_view id) {
    return inputs_.database.read([&](soci::session& session) -> Result<Job> {
        auto job = find_job(session, id);
        if (!job || job->project_id != project_id) {
            return no_job(id);
        }
        return *std::move(job);
    });
}

Result<std::vector<Job>> JobService::list(const JobFilter& filter) {
    JobFilter bounded = filter;
    bounded.rows_max = std::clamp(filter.rows_max, 1, kRowsMax + 1);
    return inputs_.database.read([&](soci::session& session) -> Result<std::vector<Job>> {
        return list_jobs(session, bounded);
    });
}

Result<Job> JobService::cancel(std::string_view project_id, std::string_view id) {
    return change(id, [&](Job job) {
        return job.project_id == project_id ? cancel_asked(std::move(job), inputs_.now_ms()) : no_job(id);
    });
}

Result<Job> JobService::retry(std::string_view project_id, std::string_view id) {
    return change(id, [&](Job job) {
        return job.project_id == project_id ? retried(std::move(job), inputs_.now_ms()) : no_job(id);
    });
}

Result<Job> JobService::wait_changed(
    std::string_view project_id, std::string_view id, std::int64_t since_version, std::int64_t ms_max
) {
    const std::int64_t end_ms = monotonic_now_ms() + std::clamp<std::int64_t>(ms_max, 0, kWaitMsMax);
    std::uint64_t seen = 0;
    while (true) {
        seen = wait_any_change(seen, seen == 0 ? 0 : std::min(kLookMs, end_ms - monotonic_now_ms()));
        auto job = get(project_id, id);
        if (!job || job->version > since_version || monotonic_now_ms() >= end_ms) {
            return job;
        }
    }
}

std::uint64_t JobService::wait_any_change(std::uint64_t seen, std::int64_t ms_max) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(std::max<std::int64_t>(ms_max, 0)), [&] {
        return changes_ != seen;
    });
    return changes_;
}

const JobHooks& JobService::hooks_of(const std::string& kind) const {
    static const JobHooks none;
    const auto found = hooks_.find(kind);
    return found == hooks_.end() ? none : found->second;
}

Result<Job> JobService::change(
    std::string_view id, const Step& step, const Json& prepared, std::optional<Refusal>* refusal
) {
    Change change{.id = id, .step = step, .prepared = prepared};
    auto job = commit(change);
    const bool is_refused = change.refusal && change.refusal->error.code != ErrorCode::kUnavailable;
    if (is_refused && change.refusal->state != JobState::kSucceeded) {
        // A room cannot keep a job from ending; only from having succeeded.
        log_error(
            "a room refused the end of a job", {{"job", id}, {"reason", change.refusal->error.message}}
        );
        change.is_without_hook = true;
        job = commit(change);
    }
    if (refusal != nullptr && is_refused) {
        *refusal = change.refusal;
    }
    if (job && change.has_changed) {
        tell(*job);
    }
    return job;
}

Result<Job> JobService::commit(Change& change) {
    return inputs_.database.transact([&](soci::session& session) -> Result<Job> {
        change.refusal.reset();
        const auto before = find_job(session, change.id);
        if (!before) {
            return no_job(change.id);
        }
        auto after = change.step(*before);
        change.has_changed = after && after->version != before->version;
        if (!change.has_changed) {
            return after;
        }
        const auto& record = hooks_of(before->kind).record;
        if (after->is_final() && record && !change.is_without_hook) {
            if (auto recorded = record(session, *after, change.prepared); !recorded) {
                change.refusal = Refusal{.error = recorded.error(), .state = after->state};
                return recorded.error();
            }
        }
        if (auto updated = update_job(session, before->version, *after); !updated) {
            return updated.error();
        }
        return after;
    });
}

void JobService::tell(const Job& job) {
    announce();
    const auto& after = hooks_of(job.kind).after;
    if (job.is_final() && after) {
        after(job);
    }
}

}  // namespace capstan::jobs
