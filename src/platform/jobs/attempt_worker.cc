#include "platform/jobs/attempt_worker.h"

#include <chrono>

#include "base/clock.h"
#include "base/log.h"

namespace capstan::jobs {
namespace {

constexpr int kFailuresMax = 20;  // Of recording, when the database answers but refuses.

bool is_another_s(ErrorCode code) {
    return code == ErrorCode::kConflict || code == ErrorCode::kNotFound;
}

}  // namespace

void AttemptWorker::run() {
    attempt();
    is_done_ = true;
}

void AttemptWorker::ask(std::atomic<bool>& flag) {
    if (!flag.exchange(true)) {
        wake();
    }
}

void AttemptWorker::wake() {
    {
        const std::scoped_lock lock(mutex_);
        is_woken_ = true;
    }
    changed_.notify_all();
}

void AttemptWorker::pause() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(inputs_.rules.look_ms), [this] { return is_woken_; });
    is_woken_ = false;
}

void AttemptWorker::attempt() {
    if (const auto left = inputs_.folders.unrecorded_end(job_)) {
        end(*left);  // The process had ended; the server died before it wrote that down.
        return;
    }
    const auto handle = launch();
    if (!handle) {
        end({.result = handle.error(), .may_retry = could_mend(handle.error().code)});
        return;
    }
    if (!record_start(*handle)) {
        lose();
    }
    const AttemptStatus status = follow(*handle);
    inputs_.executor.forget(*handle);
    if (is_lost_) {
        log_warning("a job was taken away from its worker", {{"job", job_.id}, {"attempt", job_.attempt}});
        return;
    }
    const AttemptEnd ended = inputs_.folders.end_of(job_, status);
    if (is_stopping_ && !ended.result) {
        give_back();
    } else {
        end(ended);
    }
}

Result<std::string> AttemptWorker::launch() {
    const JobDirectory directory = inputs_.folders.of(job_.id);
    if (auto created = directory.create(job_.spec); !created) {
        return created.error();
    }
    Attempt attempt{
        .job_id = job_.id,
        .number = job_.attempt,
        .folder = directory.path(),
        .argv = job_.argv,
        .environment = job_.environment,
        .limits = job_.limits,
    };
    for (std::string& argument : attempt.argv) {
        if (argument == "{job_dir}") {
            argument = attempt.folder.string();
        }
    }
    return inputs_.executor.submit(attempt);
}

// False when the job is another's.
bool AttemptWorker::record_start(const std::string& handle) {
    while (!is_lost_) {
        const auto started = inputs_.jobs.start(job_, handle);
        if (started) {
            return true;
        }
        if (started.error().code != ErrorCode::kUnavailable &&
            started.error().code != ErrorCode::kExhausted) {
            return false;
        }
        pause();
    }
    return false;
}

AttemptStatus AttemptWorker::follow(const std::string& handle) {
    std::uint64_t offset = 0;
    bool is_asked = false;   // To stop, with grace.
    bool is_killed = false;  // To stop at once.
    while (true) {
        auto status = inputs_.executor.poll(handle);
        if (!status && status.error().code == ErrorCode::kNotFound) {
            return {.phase = AttemptPhase::kEnded, .reason = status.error().message};
        }
        report(offset);
        if (status && status->phase == AttemptPhase::kEnded) {
            return *status;
        }
        if (is_lost_ && !is_killed) {
            is_killed = inputs_.executor.cancel(handle, 0).has_value();
        } else if ((is_cancelled_ || is_stopping_) && !is_asked && !is_lost_) {
            is_asked = inputs_.executor.cancel(handle, inputs_.rules.terminate_grace_ms).has_value();
        }
        pause();
    }
}

void AttemptWorker::report(std::uint64_t& offset) {
    if (is_lost_) {
        return;
    }
    std::uint64_t next = offset;
    const auto reports = inputs_.folders.of(job_.id).read_progress(next);
    if (!reports) {
        return;
    }
    const auto reported = inputs_.jobs.report(job_, *reports);
    if (reported) {
        offset = next;
    } else if (is_another_s(reported.error().code)) {
        lose();
    }
}

void AttemptWorker::end(const AttemptEnd& end) {
    if (!end.result) {
        if (auto aside = inputs_.folders.put_result_aside(job_); !aside) {
            log_error("cannot put a result aside", {{"job", job_.id}, {"reason", aside.error().message}});
        }
    }
    for (int failures = 0; failures < kFailuresMax && !is_lost_; ++failures) {
        const auto ended = inputs_.jobs.end(job_, end);
        if (ended || is_another_s(ended.error().code)) {
            return;
        }
        log_error("cannot record the end of a job", {{"job", job_.id}, {"reason", ended.error().message}});
        if (is_stopping_) {
            return;  // The next worker finds what the process left.
        }
        failures -= ended.error().code == ErrorCode::kUnavailable ? 1 : 0;  // The database will come back.
        pause();
    }
}

void AttemptWorker::give_back() {
    if (auto aside = inputs_.folders.put_result_aside(job_); !aside) {
        log_error("cannot put a result aside", {{"job", job_.id}, {"reason", aside.error().message}});
    }
    if (auto released = inputs_.jobs.release(job_); !released) {
        log_warning("cannot give a job back", {{"job", job_.id}, {"reason", released.error().message}});
    }
}

}  // namespace capstan::jobs
