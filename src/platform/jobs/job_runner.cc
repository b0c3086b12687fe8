#include "platform/jobs/job_runner.h"

#include <algorithm>
#include <chrono>

#include "base/file.h"
#include "base/log.h"

namespace capstan::jobs {

Result<std::unique_ptr<JobRunner>> JobRunner::start(
    JobService& jobs, JobExecutor& executor, JobRunnerOptions options
) {
    if (options.owner.empty() || options.parallel_max == 0 || options.renew_ms >= options.lease_ms) {
        return Error{
            ErrorCode::kInvalid,
            "a worker needs a name, room for a job, and to renew leases before they are over"
        };
    }
    if (auto created = create_folders(options.folder); !created) {
        return created.error();
    }
    return std::unique_ptr<JobRunner>(new JobRunner(jobs, executor, std::move(options)));
}

JobRunner::JobRunner(JobService& jobs, JobExecutor& executor, JobRunnerOptions options)
    : jobs_(jobs), executor_(executor), options_(std::move(options)), folders_(options_.folder) {
    executor_.on_change([this] { wake_workers(); });
    thread_ = std::thread([this] { run(); });
}

JobRunner::~JobRunner() {
    stop();
}

void JobRunner::stop() {
    const std::scoped_lock lock(stop_mutex_);
    if (!thread_.joinable()) {
        return;
    }
    is_stopping_ = true;
    jobs_.announce();  // Wakes the loop.
    thread_.join();
    executor_.on_change(nullptr);
}

std::size_t JobRunner::running() const {
    const std::scoped_lock lock(mutex_);
    return running_.size();
}

void JobRunner::run() {
    recover();
    std::uint64_t seen = 0;
    while (!is_stopping_ || running() > 0) {
        join_done();
        if (is_stopping_) {
            const std::scoped_lock lock(mutex_);
            for (const Running& each : running_) {
                each.worker->stop();
            }
        } else {
            take_jobs();
        }
        const std::int64_t now_ms = jobs_.now_ms();
        keep_leases(now_ms);
        pass_on_cancels();
        if (now_ms - expired_ms_ >= options_.renew_ms) {
            expired_ms_ = now_ms;
            if (const auto overdue = jobs_.overdue()) {
                settle(*overdue);
            } else {
                log_warning("cannot look for lost jobs", {{"reason", overdue.error().message}});
            }
        }
        if (now_ms - swept_ms_ >= options_.sweep_ms && !is_stopping_) {
            swept_ms_ = now_ms;
            remove_old_folders();
        }
        seen = jobs_.wait_any_change(seen, options_.attempt.look_ms);
    }
}

void JobRunner::recover() {
    std::uint64_t seen = 0;
    while (!is_stopping_) {
        const auto jobs = jobs_.taken_by(options_.owner);
        if (jobs) {
            settle(*jobs);
            return;
        }
        log_warning("cannot take up jobs of an earlier life", {{"reason", jobs.error().message}});
        seen = jobs_.wait_any_change(seen, options_.attempt.look_ms);
    }
}

// Jobs whose worker is dead. One that had ended, though nobody wrote that down, goes back as it is: whoever
// takes it finds the end in its folder. The others lost an attempt.
void JobRunner::settle(const std::vector<Job>& jobs) {
    for (const Job& job : jobs) {
        const auto settled = folders_.unrecorded_end(job) ? jobs_.release(job) : jobs_.give_up(job);
        if (settled) {
            log_warning("the worker of a job died", {{"job", job.id}, {"state", name_of(settled->state)}});
        } else if (settled.error().code != ErrorCode::kConflict) {
            log_warning("cannot settle a job", {{"job", job.id}, {"reason", settled.error().message}});
        }
    }
}

void JobRunner::take_jobs() {
    while (running() < options_.parallel_max) {
        auto taken = jobs_.take(options_.owner, options_.lease_ms);
        if (!taken) {
            log_warning("cannot take a job", {{"reason", taken.error().message}});
            return;
        }
        if (!*taken) {
            return;
        }
        auto worker = std::make_unique<AttemptWorker>(
            AttemptWorker::Inputs{jobs_, executor_, folders_, options_.attempt}, **std::move(taken)
        );
        const std::scoped_lock lock(mutex_);
        if (running_.empty()) {
            renewed_ms_ = jobs_.now_ms();
        }
        running_.push_back({.worker = std::move(worker), .thread = {}});
        AttemptWorker& started = *running_.back().worker;
        running_.back().thread = std::thread([this, &started] {
            while (has_predecessor(started)) {
                std::this_thread::sleep_for(std::chrono::milliseconds(options_.attempt.look_ms));
            }
            started.run();
            jobs_.announce();  // There is room for another job.
        });
    }
}

// Whether an earlier attempt of the same job, which was taken away from us, is still ending. Two in one
// folder would spoil it.
bool JobRunner::has_predecessor(const AttemptWorker& worker) const {
    const std::scoped_lock lock(mutex_);
    for (const Running& each : running_) {
        const bool is_earlier =
            each.worker->job().id == worker.job().id && each.worker->job().version < worker.job().version;
        if (is_earlier && !each.worker->is_done()) {
            each.worker->lose();
            return true;
        }
    }
    return false;
}

void JobRunner::join_done() {
    std::vector<Running> done;
    {
        const std::scoped_lock lock(mutex_);
        for (Running& each : running_) {
            if (each.worker->is_done()) {
                done.push_back(std::move(each));
            }
        }
        std::erase_if(running_, [](const Running& each) { return each.worker == nullptr; });
    }
    for (Running& each : done) {
        each.thread.join();
    }
}

std::vector<Job> JobRunner::held() const {
    const std::scoped_lock lock(mutex_);
    std::vector<Job> jobs;
    for (const Running& each : running_) {
        jobs.push_back(each.worker->job());
    }
    return jobs;
}

// A lease that could not be renewed in time will be another's: its process must be gone by then.
void JobRunner::keep_leases(std::int64_t now_ms) {
    if (running() == 0 || now_ms - renewed_ms_ < options_.renew_ms) {
        return;
    }
    const auto kept = jobs_.renew(held(), options_.lease_ms);
    if (kept) {
        renewed_ms_ = now_ms;
    } else {
        log_warning("cannot renew the leases of jobs", {{"reason", kept.error().message}});
    }
    const bool is_too_late = now_ms - renewed_ms_ >= options_.lease_ms - options_.renew_ms;
    const std::scoped_lock lock(mutex_);
    for (const Running& each : running_) {
        const bool is_kept = !kept || std::ranges::any_of(*kept, [&](const Job& job) {
            return job.id == each.worker->job().id;
        });
        // One that has just ended is not kept either; its worker knows that already.
        if (is_too_late || !is_kept) {
            each.worker->lose();
        }
    }
}

void JobRunner::pass_on_cancels() {
    if (running() == 0) {
        return;
    }
    const auto taken = jobs_.taken_by(options_.owner);
    if (!taken) {
        return;
    }
    const std::scoped_lock lock(mutex_);
    for (const Running& each : running_) {
        for (const Job& job : *taken) {
            if (job.cancel_requested && job.lease_token == each.worker->job().lease_token) {
                each.worker->cancel();
            }
        }
    }
}

void JobRunner::remove_old_folders() {
    const auto removed = folders_.sweep([this](const std::string& id) {
        return jobs_.is_long_over(id, options_.keep_ms).value_or(false);
    });
    if (removed && *removed > 0) {
        log_info("removed folders of old jobs", {{"jobs", *removed}});
    }
}

void JobRunner::wake_workers() {
    const std::scoped_lock lock(mutex_);
    for (const Running& each : running_) {
        each.worker->wake();
    }
}

}  // namespace capstan::jobs
