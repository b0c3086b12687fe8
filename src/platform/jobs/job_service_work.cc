// The half of JobService that workers use: taking jobs, keeping them, ending them.

#include <algorithm>

#include <fmt/format.h>

#include "platform/jobs/job_service.h"

namespace capstan::jobs {
namespace {

constexpr int kExpiredAtOnce = 100;
constexpr std::size_t kResultBytesMax = std::size_t{4} << 20;

Error no_longer(const Job& job) {
    return {ErrorCode::kNotFound, fmt::format("there is no job {} any more", job.id)};
}

// The time in the first 48 bits of a UUIDv7 (RFC 9562).
std::int64_t created_ms_of(const std::string& id) {
    std::int64_t ms = 0;
    for (const char c : id.substr(0, 8) + id.substr(9, 4)) {
        ms = ms * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return ms;
}

}  // namespace

Result<std::optional<Job>> JobService::take(const std::string& owner, std::int64_t lease_ms) {
    const std::string token = inputs_.next_id();
    const auto due = inputs_.database.read([&](soci::session& session) -> Result<bool> {
        return find_next_job(session, inputs_.now_ms()).has_value();
    });
    if (!due) {
        return due.error();
    }
    if (!*due) {
        return std::optional<Job>();
    }
    auto taken = inputs_.database.transact([&](soci::session& session) -> Result<std::optional<Job>> {
        const std::int64_t now_ms = inputs_.now_ms();
        const auto next = find_next_job(session, now_ms);
        if (!next) {
            return std::optional<Job>();
        }
        const Lease lease{.owner = owner, .token = token, .expires_ms = now_ms + lease_ms};
        auto job = leased(*next, lease, now_ms);
        if (!job) {
            return job.error();
        }
        if (auto updated = update_job(session, next->version, *job); !updated) {
            return updated.error();
        }
        return std::optional<Job>(*std::move(job));
    });
    if (taken && *taken) {
        announce();
    }
    return taken;
}

Result<Job> JobService::start(const Job& taken, std::string_view handle) {
    auto job = change(taken.id, [&](Job each) {
        return started(std::move(each), taken.lease_token, handle, inputs_.now_ms());
    });
    if (const auto& on_started = hooks_of(taken.kind).on_started; job && on_started) {
        on_started(*job);
    }
    return job;
}

Result<void> JobService::report(const Job& taken, const std::vector<JobProgress>& reports) {
    if (reports.empty()) {
        return {};
    }
    const auto job = change(taken.id, [&](Job each) {
        return reported(std::move(each), taken.lease_token, reports.back());
    });
    if (!job) {
        return job.error();
    }
    if (const auto& on_progress = hooks_of(taken.kind).on_progress) {
        on_progress(*job, reports);
    }
    return {};
}

Result<Job> JobService::end(const Job& taken, AttemptEnd end) {
    if (end.result && end.result->dump().size() > kResultBytesMax) {
        end.result = Error{
            ErrorCode::kTooLarge,
            fmt::format("the result of a job may have at most {} bytes", kResultBytesMax)
        };
        end.may_retry = false;
    }
    Json prepared;
    const JobHooks& hooks = hooks_of(taken.kind);
    if (end.result && hooks.prepare) {
        Job ending = taken;
        ending.result = *end.result;
        auto done = hooks.prepare(ending);
        if (done) {
            prepared = *std::move(done);
        } else {
            end.may_retry = could_mend(done.error().code);
            end.result = with_context("the result could not be taken over", done.error());
        }
    }
    return finish(taken, end, prepared);
}

Result<Job> JobService::finish(const Job& taken, const AttemptEnd& end, const Json& prepared) {
    const auto step_of = [&](const AttemptEnd& each_end) {
        return [&](Job each) {
            return ended(std::move(each), taken.lease_token, each_end, inputs_.retry, inputs_.now_ms());
        };
    };
    std::optional<Refusal> refusal;
    auto job = change(taken.id, step_of(end), prepared, &refusal);
    if (job || !refusal) {
        return job;
    }
    // The room refuses the outcome: the job failed, and the room hears of that instead.
    AttemptEnd failed = end;
    failed.result = with_context("the outcome could not be recorded", refusal->error);
    failed.may_retry = false;
    return change(taken.id, step_of(failed));
}

Result<Job> JobService::release(const Job& taken) {
    return change(taken.id, [&](Job each) {
        return released(std::move(each), taken.lease_token, inputs_.now_ms());
    });
}

Result<std::vector<Job>> JobService::renew(const std::vector<Job>& taken, std::int64_t lease_ms) {
    return inputs_.database.transact([&](soci::session& session) -> Result<std::vector<Job>> {
        const std::int64_t now_ms = inputs_.now_ms();
        std::vector<Job> kept;
        for (const Job& each : taken) {
            const auto job = find_job(session, each.id);
            auto next = job ? renewed(*job, each.lease_token, now_ms + lease_ms, now_ms) : no_longer(each);
            if (!next) {
                continue;  // Another's now.
            }
            if (auto updated = update_lease(session, *next); !updated) {
                return updated.error();
            }
            kept.push_back(*std::move(next));
        }
        return kept;
    });
}

Result<std::vector<Job>> JobService::taken_by(const std::string& owner) {
    return inputs_.database.read([&](soci::session& session) -> Result<std::vector<Job>> {
        return list_taken_jobs(session, owner);
    });
}

Result<bool> JobService::is_long_over(const std::string& id, std::int64_t keep_ms) {
    return inputs_.database.read([&](soci::session& session) -> Result<bool> {
        const auto job = find_job(session, id);
        const std::int64_t since_ms = inputs_.now_ms() - keep_ms;
        if (job) {
            return job->is_final() && job->finished_ms.value_or(0) < since_ms;
        }
        return created_ms_of(id) <
               since_ms;  // Of a record that was removed, or restored from an older backup.
    });
}

Result<std::vector<Job>> JobService::overdue() {
    return inputs_.database.read([&](soci::session& session) -> Result<std::vector<Job>> {
        return list_expired_jobs(session, inputs_.now_ms(), kExpiredAtOnce);
    });
}

Result<Job> JobService::give_up(const Job& taken) {
    return change(taken.id, [&](Job each) -> Result<Job> {
        if (each.lease_token != taken.lease_token || each.lease_expires_ms > taken.lease_expires_ms) {
            return Error{ErrorCode::kConflict, fmt::format("job {} has gone on", each.id)};
        }
        const std::int64_t now_ms = inputs_.now_ms();
        each.lease_expires_ms = std::min(each.lease_expires_ms, now_ms);
        return expired(std::move(each), inputs_.retry, now_ms);
    });
}

}  // namespace capstan::jobs
