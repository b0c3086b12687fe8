#pragma once

// The one thread of a program that starts child processes, reads their output, enforces their limits and
// collects their ends. No child outlives the program, however the program ends:
//
// * the kernel kills each child when the host's thread dies (PR_SET_PDEATHSIG);
// * the keeper then kills what the children themselves had started, wherever it hides;
// * the next program with the same owner kills what is left even so (a machine without the keeper's luck).
//
// SIGCHLD is not used; the program may do with it what it likes, except ignore it.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "platform/process/process_spec.h"

namespace capstan::process {

// A child, running or ended. Thread-safe.
class Process {
public:
    const ProcessIdentity& identity() const;

    int pid() const { return identity().pid; }

    // How it ended; nothing while it runs.
    std::optional<ProcessExit> exit() const;
    // Waits for its end, at most so long.
    std::optional<ProcessExit> wait(std::int64_t ms_max) const;

    // Sends SIGTERM to its group now and SIGKILL after the grace; 0 is SIGKILL at once. Returns at once.
    void terminate(std::int64_t grace_ms);

private:
    friend class ProcessHost;
    struct Shared;  // With the host's thread.

    explicit Process(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

    std::shared_ptr<Shared> shared_;
};

struct ProcessHostOptions {
    // Names the processes of one installation, such as the id of its directory: letters, digits, '-', '_'.
    // Only one program at a time may use it: starting kills what an earlier one left.
    std::string owner;
    std::int64_t shutdown_grace_ms = 5'000;  // For children that still run when the host is destroyed.
    std::size_t processes_max = 256;
};

class ProcessHost {
public:
    // Kills what an earlier program with this owner left, starts the keeper and the thread. Call it early in
    // `main`.
    static Result<std::unique_ptr<ProcessHost>> start(ProcessHostOptions options);

    // Terminates all children, waits for them, and lets the keeper go.
    ~ProcessHost();
    ProcessHost(const ProcessHost&) = delete;
    ProcessHost& operator=(const ProcessHost&) = delete;

    // Called once, on the host's thread, after the end of the process can be seen by `exit`; must be quick.
    using OnExit = std::function<void(const ProcessExit&)>;

    // Starts the process and returns when its program runs. When it ends, all that is left of its group and
    // its descendants is killed. Errors as spawn; kExhausted over processes_max. Thread-safe.
    Result<Process> launch(ProcessSpec spec, OnExit on_exit = nullptr);

    std::size_t running() const;
    int keeper_pid() const;

private:
    class Loop;

    explicit ProcessHost(std::unique_ptr<Loop> loop);

    std::unique_ptr<Loop> loop_;
};

}  // namespace capstan::process
