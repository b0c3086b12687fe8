#pragma once

// Where the processes of jobs run: this machine, or a scheduler such as Slurm or Kubernetes.
//
// The contract is the job's folder (base/job_directory.h) at the same path for the executor's processes and
// for us, on a shared disk when they run elsewhere. Nothing here speaks of process numbers: an attempt is
// known by a handle that the executor makes and understands, and that survives in the job's record.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "platform/jobs/job.h"

namespace capstan::jobs {

// One attempt, ready to start. The folder and spec.json are there.
struct Attempt {
    std::string job_id;
    int number = 1;  // Of the attempt, from 1.
    std::filesystem::path folder;
    std::vector<std::string> argv;  // "{job_dir}" is filled in.
    std::vector<std::pair<std::string, std::string>> environment;
    JobLimits limits;
};

enum class AttemptPhase { kWaiting, kRunning, kEnded };

struct AttemptStatus {
    AttemptPhase phase = AttemptPhase::kRunning;  // kWaiting: in a scheduler's queue.
    std::optional<int> exit_code = {};            // When it ended: this,
    std::optional<int> signal = {};               // or this,
    std::string reason = {
    };  // or why the scheduler ended it ("out of memory"). Else what a person should know.
};

// Thread-safe. Calls may block for as long as the scheduler takes to answer.
class JobExecutor {
public:
    virtual ~JobExecutor() = default;

    virtual std::string_view name() const = 0;  // "local", "slurm".

    // Starts the attempt, or puts it in the scheduler's queue; its output goes to the end of stdout.log and
    // stderr.log in its folder. Returns the handle.
    virtual Result<std::string> submit(const Attempt& attempt) = 0;

    // kNotFound when the executor knows no such handle (any more): the attempt is over, nobody knows how.
    // kUnavailable when the scheduler does not answer: ask again.
    virtual Result<AttemptStatus> poll(const std::string& handle) = 0;

    // Asks the attempt and all it started to stop (SIGTERM), and ends it after the grace; 0: at once. Returns
    // before that: `poll` tells.
    virtual Result<void> cancel(const std::string& handle, std::int64_t grace_ms) = 0;

    // The attempt has been dealt with; what the executor remembers of it can go.
    virtual void forget(const std::string& handle) = 0;

    // `wake` is called, from any thread, when some attempt may have ended. An executor that cannot tell never
    // calls it.
    virtual void on_change(std::function<void()> wake) = 0;
};

}  // namespace capstan::jobs
