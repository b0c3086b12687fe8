#include "platform/jobs/local_executor.h"

#include <fmt/format.h>

namespace capstan::jobs {
namespace {

constexpr int kOomScore = 500;  // When memory runs out, a job goes before the server and its engines.

Error unknown(const std::string& handle) {
    return {ErrorCode::kNotFound, fmt::format("no process {} of a job runs here", handle)};
}

}  // namespace

LocalExecutor::LocalExecutor(process::ProcessHost& host, LocalExecutorOptions options)
    : host_(host), options_(options) {}

Result<std::string> LocalExecutor::submit(const Attempt& attempt) {
    process::ProcessSpec spec{
        .argv = attempt.argv,
        .environment = attempt.environment,
        .working_directory = attempt.folder,
        .standard_output = {.path = attempt.folder / "stdout.log", .bytes_max = options_.output_bytes_max},
        .standard_error = {.path = attempt.folder / "stderr.log", .bytes_max = options_.output_bytes_max},
        .limits =
            {.memory_bytes = static_cast<std::uint64_t>(attempt.limits.memory_bytes),
             .cpu_seconds = static_cast<std::uint64_t>(attempt.limits.cpu_seconds),
             .nice = options_.nice,
             .oom_score_adjust = kOomScore},
        .run_ms_max = attempt.limits.run_ms_max,
    };
    auto process = host_.launch(std::move(spec), [wake = wake_](const process::ProcessExit&) {
        const std::scoped_lock lock(wake->mutex);
        if (wake->call) {
            wake->call();
        }
    });
    if (!process) {
        return process.error();
    }
    const process::ProcessIdentity& identity = process->identity();
    std::string handle = fmt::format("{}:{}", identity.pid, identity.start_ticks);
    const std::scoped_lock lock(mutex_);
    processes_.insert_or_assign(handle, *std::move(process));
    return handle;
}

std::optional<process::Process> LocalExecutor::find(const std::string& handle) const {
    const std::scoped_lock lock(mutex_);
    const auto found = processes_.find(handle);
    return found == processes_.end() ? std::nullopt : std::optional(found->second);
}

Result<AttemptStatus> LocalExecutor::poll(const std::string& handle) {
    const auto process = find(handle);
    if (!process) {
        return unknown(handle);
    }
    const auto exit = process->exit();
    if (!exit) {
        return AttemptStatus{.phase = AttemptPhase::kRunning};
    }
    return AttemptStatus{
        .phase = AttemptPhase::kEnded,
        .exit_code = exit->exit_code,
        .signal = exit->signal,
        .reason = exit->was_over_time ? "its time was over" : "",
    };
}

Result<void> LocalExecutor::cancel(const std::string& handle, std::int64_t grace_ms) {
    auto process = find(handle);
    if (!process) {
        return unknown(handle);
    }
    process->terminate(grace_ms);
    return {};
}

void LocalExecutor::forget(const std::string& handle) {
    const std::scoped_lock lock(mutex_);
    processes_.erase(handle);
}

void LocalExecutor::on_change(std::function<void()> wake) {
    const std::scoped_lock lock(wake_->mutex);
    wake_->call = std::move(wake);
}

}  // namespace capstan::jobs
