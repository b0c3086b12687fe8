#include "platform/process/process_host.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <future>
#include <limits>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "platform/process/identity.h"
#include "platform/process/keeper.h"
#include "platform/process/output_pipe.h"
#include "platform/process/spawn.h"

namespace capstan::process {
namespace {

constexpr std::int64_t kKillMsMax = 2'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

std::int64_t ms_of(const timeval& time) {
    return std::int64_t{time.tv_sec} * 1000 + time.tv_usec / 1000;
}

bool is_owner_name(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_';
    });
}

}  // namespace

struct Process::Shared {
    ProcessIdentity identity;                    // Set before anybody else sees it.
    std::shared_ptr<const FileDescriptor> wake;  // The loop's; a Process may outlive its host.

    std::mutex mutex;
    std::condition_variable ended;
    std::optional<ProcessExit> exit;                 // Guarded by mutex, as the next.
    std::optional<std::int64_t> terminate_grace_ms;  // What was asked for; the loop takes it.
};

namespace {

void wake_up(const FileDescriptor& event) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(event.get(), &one, sizeof one);
}

}  // namespace

class ProcessHost::Loop {
public:
    Loop(ProcessHostOptions options, std::string mark, Keeper keeper, FileDescriptor wake)
        : options_(std::move(options)),
          mark_(std::move(mark)),
          keeper_(std::move(keeper)),
          wake_(std::make_shared<FileDescriptor>(std::move(wake))),
          thread_([this] { run(); }) {}

    ~Loop() {
        {
            const std::scoped_lock lock(mutex_);
            is_stopping_ = true;
        }
        wake_up(*wake_);
        thread_.join();
    }

    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    Result<Process> launch(ProcessSpec spec, OnExit on_exit) {
        std::promise<Result<Process>> answer;
        auto answered = answer.get_future();
        do_later([&, this] { answer.set_value(start(std::move(spec), std::move(on_exit))); });
        return answered.get();
    }

    std::size_t running() const {
        const std::scoped_lock lock(mutex_);
        return running_;
    }

    int keeper_pid() const { return keeper_.pid(); }

private:
    struct Child {
        std::shared_ptr<Process::Shared> shared;
        OnExit on_exit;
        std::string mark;
        FileDescriptor pidfd;
        OutputPipe output;
        OutputPipe error;
        std::int64_t started_ms = 0;  // Monotonic, as all of these.
        std::int64_t deadline_ms = kNever;
        std::int64_t kill_ms = kNever;
        std::int64_t terminate_grace_ms = 0;
        bool was_over_time = false;
    };

    // Runs `command` on the loop's thread.
    void do_later(std::function<void()> command) {
        {
            const std::scoped_lock lock(mutex_);
            commands_.push_back(std::move(command));
        }
        wake_up(*wake_);
    }

    void run() {
        bool is_stopping = false;
        while (!is_stopping || !children_.empty()) {
            wait_for_something();
            is_stopping = run_commands(is_stopping);
            for (auto child = children_.begin(); child != children_.end();) {
                child->output.pump();
                child->error.pump();
                obey(*child);
                enforce_times(*child);
                child = collect(*child) ? children_.erase(child) : std::next(child);
            }
            const std::scoped_lock lock(mutex_);
            running_ = children_.size();
        }
    }

    void wait_for_something() {
        std::vector<pollfd> polled = {{.fd = wake_->get(), .events = POLLIN, .revents = 0}};
        std::int64_t until_ms = kNever;
        for (const Child& child : children_) {
            for (const int fd : {child.pidfd.get(), child.output.fd(), child.error.fd()}) {
                if (fd >= 0) {
                    polled.push_back({.fd = fd, .events = POLLIN, .revents = 0});
                }
            }
            until_ms = std::min({until_ms, child.deadline_ms, child.kill_ms});
        }
        const std::int64_t wait_ms =
            until_ms == kNever ? -1 : std::max<std::int64_t>(0, until_ms - monotonic_now_ms());
        ::poll(polled.data(), polled.size(), static_cast<int>(std::min<std::int64_t>(wait_ms, 60'000)));
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(wake_->get(), &count, sizeof count);
    }

    // Returns whether the loop is to end once all children have.
    bool run_commands(bool was_stopping) {
        std::deque<std::function<void()>> commands;
        bool is_stopping = false;
        {
            const std::scoped_lock lock(mutex_);
            commands.swap(commands_);
            is_stopping = is_stopping_;
        }
        for (const auto& command : commands) {
            command();
        }
        if (is_stopping && !was_stopping) {
            for (Child& child : children_) {
                terminate(child, options_.shutdown_grace_ms);
            }
        }
        return is_stopping;
    }

    Result<Process> start(ProcessSpec spec, OnExit on_exit) {
        if (children_.size() >= options_.processes_max) {
            return Error{
                ErrorCode::kExhausted,
                fmt::format("{} processes run already; end one first", children_.size())
            };
        }
        Child child;
        auto output = OutputPipe::open(spec.standard_output, child.output);
        if (!output) {
            return output.error();
        }
        const bool one_file =
            spec.standard_error.path == spec.standard_output.path && !spec.standard_error.path.empty();
        auto error = one_file ? Result<FileDescriptor>(FileDescriptor())
                              : OutputPipe::open(spec.standard_error, child.error);
        if (!error) {
            return error.error();
        }
        child.mark = mark_ + new_id();
        auto spawned = spawn(
            spec,
            child.mark,
            {.standard_output = output->get(), .standard_error = one_file ? output->get() : error->get()}
        );
        if (!spawned) {
            return spawned.error();
        }
        child.pidfd = std::move(spawned->pidfd);
        child.on_exit = std::move(on_exit);
        child.started_ms = monotonic_now_ms();
        child.deadline_ms = spec.run_ms_max > 0 ? child.started_ms + spec.run_ms_max : kNever;
        child.terminate_grace_ms = spec.terminate_grace_ms;
        child.shared = std::make_shared<Process::Shared>();
        child.shared->identity = identify_child(spawned->pid);
        child.shared->wake = wake_;
        children_.push_back(std::move(child));
        const std::shared_ptr<Process::Shared> shared = children_.back().shared;
        return Process(shared);
    }

    void terminate(Child& child, std::int64_t grace_ms) {
        const std::int64_t kill_ms = monotonic_now_ms() + std::max<std::int64_t>(grace_ms, 0);
        if (grace_ms > 0 && child.kill_ms == kNever) {
            ::kill(-child.shared->identity.pid, SIGTERM);  // Not collected yet: the number is still its own.
            ::kill(-child.shared->identity.pid, SIGCONT);  // A stopped process would not hear it.
        }
        child.kill_ms = std::min(child.kill_ms, kill_ms);
    }

    void obey(Child& child) {
        std::optional<std::int64_t> grace_ms;
        {
            const std::scoped_lock lock(child.shared->mutex);
            grace_ms = std::exchange(child.shared->terminate_grace_ms, std::nullopt);
        }
        if (grace_ms) {
            terminate(child, *grace_ms);
        }
    }

    void enforce_times(Child& child) {
        const std::int64_t now_ms = monotonic_now_ms();
        if (now_ms >= child.deadline_ms) {
            child.deadline_ms = kNever;
            child.was_over_time = true;
            terminate(child, child.terminate_grace_ms);
        }
        if (now_ms >= child.kill_ms) {
            ::kill(-child.shared->identity.pid, SIGKILL);
            child.kill_ms = now_ms + 1000;  // Again, should a process have joined the group just then.
        }
    }

    // Whether the child has ended; then nothing is left of it.
    bool collect(Child& child) {
        const int pid = child.shared->identity.pid;
        siginfo_t info{};
        const auto id = static_cast<id_t>(child.pidfd.get());
        if (::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
            return false;
        }
        // Its number stays its own until wait4: the group that we kill is its group.
        ::kill(-pid, SIGKILL);
        kill_marked(child.mark, kKillMsMax);
        child.output.finish();
        child.error.finish();
        int status = 0;
        rusage usage{};
        ::wait4(pid, &status, 0, &usage);
        ProcessExit exit{
            .exit_code = WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt,
            .signal = WIFSIGNALED(status) ? std::optional(WTERMSIG(status)) : std::nullopt,
            .was_over_time = child.was_over_time,
            .wall_ms = monotonic_now_ms() - child.started_ms,
            .user_ms = ms_of(usage.ru_utime),
            .system_ms = ms_of(usage.ru_stime),
            .memory_bytes_max = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024,
        };
        {
            const std::scoped_lock lock(child.shared->mutex);
            child.shared->exit = exit;
        }
        child.shared->ended.notify_all();
        if (child.on_exit) {
            child.on_exit(exit);
        }
        return true;
    }

    const ProcessHostOptions options_;
    const std::string mark_;
    Keeper keeper_;
    const std::shared_ptr<const FileDescriptor> wake_;
    std::list<Child> children_;  // The loop's thread only.

    mutable std::mutex mutex_;
    std::deque<std::function<void()>> commands_;  // Guarded by mutex_, as the two below.
    bool is_stopping_ = false;
    std::size_t running_ = 0;

    std::thread thread_;  // Last: it uses all of the above.
};

const ProcessIdentity& Process::identity() const {
    return shared_->identity;
}

std::optional<ProcessExit> Process::exit() const {
    const std::scoped_lock lock(shared_->mutex);
    return shared_->exit;
}

std::optional<ProcessExit> Process::wait(std::int64_t ms_max) const {
    std::unique_lock lock(shared_->mutex);
    shared_->ended.wait_for(lock, std::chrono::milliseconds(ms_max), [this] {
        return shared_->exit.has_value();
    });
    return shared_->exit;
}

void Process::terminate(std::int64_t grace_ms) {
    {
        const std::scoped_lock lock(shared_->mutex);
        shared_->terminate_grace_ms = std::min(shared_->terminate_grace_ms.value_or(grace_ms), grace_ms);
    }
    wake_up(*shared_->wake);
}

std::string describe(const ProcessExit& exit) {
    const std::string how = exit.signal
                                ? fmt::format("signal {} ({})", *exit.signal, ::strsignal(*exit.signal))
                                : fmt::format("exit code {}", exit.exit_code.value_or(-1));
    return exit.was_over_time ? how + " after its time was over" : how;
}

ProcessHost::ProcessHost(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

ProcessHost::~ProcessHost() = default;

Result<std::unique_ptr<ProcessHost>> ProcessHost::start(ProcessHostOptions options) {
    if (!is_owner_name(options.owner)) {
        return Error{
            ErrorCode::kInvalid, fmt::format("'{}' cannot name an owner of processes", options.owner)
        };
    }
    const std::string owners = std::string(kMarkVariable) + options.owner + "/";
    if (const int killed = kill_marked(owners, kKillMsMax); killed > 0) {
        log_warning("killed what an earlier server left running", {{"processes", killed}});
    }
    FileDescriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake.is_open()) {
        return Error{ErrorCode::kExhausted, "cannot start processes: too many open files"};
    }
    // The keeper of a dead host may still be killing when the next host starts: it must not know that one's
    // children.
    std::string mark = owners + new_id() + "/";
    auto keeper = Keeper::start(mark);
    if (!keeper) {
        return keeper.error();
    }
    auto loop =
        std::make_unique<Loop>(std::move(options), std::move(mark), std::move(*keeper), std::move(wake));
    return std::unique_ptr<ProcessHost>(new ProcessHost(std::move(loop)));
}

Result<Process> ProcessHost::launch(ProcessSpec spec, OnExit on_exit) {
    return loop_->launch(std::move(spec), std::move(on_exit));
}

std::size_t ProcessHost::running() const {
    return loop_->running();
}

int ProcessHost::keeper_pid() const {
    return loop_->keeper_pid();
}

}  // namespace capstan::process
