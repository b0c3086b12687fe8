#include "platform/process/spawn.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/process/identity.h"

namespace capstan::process {
namespace {

enum class Step : int { kParent, kGroup, kFolder, kStreams, kLimits, kProgram };

struct Failure {
    Step step;
    int number;
};

// All that the child needs, made before it exists: between vfork and execve it may neither allocate nor lock.
struct Plan {
    const char* program;
    char* const* argv;
    char* const* environment;
    const char* folder;  // Null: stay.
    int standard_input;
    Streams streams;
    ResourceLimits limits;
    const char* oom_score;  // Null: unchanged.
    pid_t parent;
    int failures;  // Where the child writes a Failure.
};

bool limit(__rlimit_resource_t resource, std::uint64_t value, std::uint64_t extra = 0) {
    if (value == 0) {
        return true;
    }
    rlimit now{};
    if (::getrlimit(resource, &now) != 0) {
        return false;
    }
    const rlimit wanted{
        .rlim_cur = std::min<rlim_t>(value, now.rlim_max),
        .rlim_max = std::min<rlim_t>(value + extra, now.rlim_max)
    };
    return ::setrlimit(resource, &wanted) == 0;
}

bool apply_limits(const Plan& plan) {
    const ResourceLimits& limits = plan.limits;
    if (plan.oom_score != nullptr) {
        const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        if (fd >= 0) {  // Advice only: a kernel that refuses it stops nobody.
            [[maybe_unused]] const ssize_t written = ::write(fd, plan.oom_score, std::strlen(plan.oom_score));
            ::close(fd);
        }
    }
    errno = 0;
    const bool polite = limits.nice == 0 || ::nice(limits.nice) != -1 || errno == 0;
    return polite && limit(RLIMIT_DATA, limits.memory_bytes) && limit(RLIMIT_CPU, limits.cpu_seconds, 1) &&
           limit(RLIMIT_NOFILE, limits.open_files);
}

[[noreturn]] void fail(const Plan& plan, Step step) {
    const Failure failure{step, errno};
    [[maybe_unused]] const ssize_t written = ::write(plan.failures, &failure, sizeof failure);
    ::_exit(127);
}

// The child's side. Only async-signal-safe calls.
[[noreturn]] void become(const Plan& plan) {
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal) {
        ::sigaction(signal, &standard, nullptr);  // Refused for SIGKILL, SIGSTOP and libc's own: no matter.
    }
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != plan.parent) {
        fail(plan, Step::kParent);  // The server died in between.
    }
    if (::setpgid(0, 0) != 0) {
        fail(plan, Step::kGroup);
    }
    if (plan.folder != nullptr && ::chdir(plan.folder) != 0) {
        fail(plan, Step::kFolder);
    }
    if (::dup2(plan.standard_input, 0) < 0 || ::dup2(plan.streams.standard_output, 1) < 0 ||
        ::dup2(plan.streams.standard_error, 2) < 0) {
        fail(plan, Step::kStreams);
    }
    ::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);  // Ours are close-on-exec already.
    if (!apply_limits(plan)) {
        fail(plan, Step::kLimits);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(plan.program, plan.argv, plan.environment);
    fail(plan, Step::kProgram);
}

bool is_secret_name(std::string_view name) {
    for (const char* word : {"KEY", "SECRET", "TOKEN", "PASSWORD", "PASSWD", "CREDENTIAL"}) {
        if (name.find(word) != std::string_view::npos) {
            return true;
        }
    }
    return name.starts_with("CAPSTAN_");
}

std::vector<std::string> environment_of(const ProcessSpec& spec, const std::string& mark) {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos && !is_secret_name(text.substr(0, equals))) {
            variables.insert_or_assign(
                std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))
            );
        }
    }
    for (const auto& [name, value] : spec.environment) {
        variables.insert_or_assign(name, value);
    }
    variables.erase(std::string(kMarkVariable.substr(0, kMarkVariable.size() - 1)));
    std::vector<std::string> entries = {mark};  // First: found at once in /proc/PID/environ.
    for (const auto& [name, value] : variables) {
        entries.push_back(name + "=" + value);
    }
    return entries;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) {
        all.push_back(text.data());
    }
    all.push_back(nullptr);
    return all;
}

// `name` itself when it is a path; else its place in the PATH of `environment`.
Result<std::string> find_program(const std::string& name, const std::vector<std::string>& environment) {
    if (name.find('/') != std::string::npos) {
        return name;
    }
    std::string_view folders = "/usr/local/bin:/usr/bin:/bin";
    for (const std::string_view entry : environment) {
        if (entry.starts_with("PATH=")) {
            folders = entry.substr(5);
        }
    }
    while (!folders.empty()) {
        const std::size_t end = std::min(folders.find(':'), folders.size());
        const std::string path = std::string(folders.substr(0, end)) + "/" + name;
        if (end > 0 && ::access(path.c_str(), X_OK) == 0) {
            return path;
        }
        folders.remove_prefix(std::min(end + 1, folders.size()));
    }
    return Error{ErrorCode::kNotFound, fmt::format("there is no program '{}' in PATH", name)};
}

Result<void> check(const ProcessSpec& spec) {
    if (spec.argv.empty() || spec.argv.front().empty()) {
        return Error{ErrorCode::kInvalid, "a process needs a program: argv is empty"};
    }
    for (const std::string& argument : spec.argv) {
        if (argument.find('\0') != std::string::npos) {
            return Error{ErrorCode::kInvalid, "an argument may not contain NUL"};
        }
    }
    for (const auto& [name, value] : spec.environment) {
        if (name.empty() || name.find('=') != std::string::npos ||
            (name + value).find('\0') != std::string::npos) {
            return Error{ErrorCode::kInvalid, fmt::format("'{}' cannot be an environment variable", name)};
        }
    }
    return {};
}

Error error_of(const Failure& failure, const ProcessSpec& spec) {
    constexpr std::array<std::string_view, 6> kWhat = {
        "stay with its parent",
        "make a process group",
        "enter the folder",
        "connect output",
        "set limits",
        "run"
    };
    const auto code = [&] {
        switch (failure.number) {
            case ENOENT:
            case ENOTDIR:
                return ErrorCode::kNotFound;
            case EACCES:
            case EPERM:
            case ENOEXEC:
                return ErrorCode::kDenied;
            case E2BIG:
                return ErrorCode::kTooLarge;
            case EAGAIN:
            case ENOMEM:
            case EMFILE:
            case ENFILE:
                return ErrorCode::kExhausted;
            default:
                return ErrorCode::kUnavailable;
        }
    }();
    const std::string& thing =
        failure.step == Step::kFolder ? spec.working_directory.string() : spec.argv.front();
    return {
        code,
        fmt::format(
            "cannot start '{}': cannot {} {}: {}",
            spec.argv.front(),
            kWhat[static_cast<std::size_t>(failure.step)],
            thing,
            std::generic_category().message(failure.number)
        )
    };
}

// The vfork itself. All signals are blocked around it: a handler must not run in the child, which shares our
// memory.
pid_t start(const Plan& plan) {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = ::vfork();
    if (pid == 0) {
        become(plan);
    }
    const int number = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = number;
    return pid;
}

// A copy that is none of 0, 1, 2, so that connecting the child's streams overwrites none of its sources.
Result<FileDescriptor> above_streams(int fd) {
    FileDescriptor copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy.is_open()) {
        return Error{ErrorCode::kExhausted, "cannot start a process: too many open files"};
    }
    return copy;
}

}  // namespace

Result<Spawned> spawn(const ProcessSpec& spec, const std::string& mark, Streams streams) {
    if (auto checked = check(spec); !checked) {
        return checked.error();
    }
    std::vector<std::string> argv = spec.argv;
    std::vector<std::string> environment = environment_of(spec, mark);
    const auto program = find_program(argv.front(), environment);
    if (!program) {
        return program.error();
    }
    auto input = open_file("/dev/null", O_RDONLY);
    if (!input) {
        return input.error();
    }
    auto input_copy = above_streams(input->get());
    auto output_copy = above_streams(streams.standard_output);
    auto error_copy = above_streams(streams.standard_error);
    int ends[2];
    if (!input_copy || !output_copy || !error_copy || ::pipe2(ends, O_CLOEXEC) != 0) {
        return Error{ErrorCode::kExhausted, "cannot start a process: too many open files"};
    }
    const FileDescriptor failures(ends[0]);
    FileDescriptor failures_in(ends[1]);
    auto failures_copy = above_streams(failures_in.get());
    if (!failures_copy) {
        return failures_copy.error();
    }
    failures_in.close();
    const std::vector<char*> argv_pointers = pointers(argv);
    const std::vector<char*> environment_pointers = pointers(environment);
    const std::string folder = spec.working_directory.string();
    const std::string oom_score = std::to_string(spec.limits.oom_score_adjust);
    const pid_t pid = start({
        .program = program->c_str(),
        .argv = argv_pointers.data(),
        .environment = environment_pointers.data(),
        .folder = folder.empty() ? nullptr : folder.c_str(),
        .standard_input = input_copy->get(),
        .streams = {.standard_output = output_copy->get(), .standard_error = error_copy->get()},
        .limits = spec.limits,
        .oom_score = spec.limits.oom_score_adjust == 0 ? nullptr : oom_score.c_str(),
        .parent = ::getpid(),
        .failures = failures_copy->get(),
    });
    if (pid < 0) {
        return error_of({Step::kProgram, errno}, spec);
    }
    failures_copy->close();
    Failure failure{};
    ssize_t got = 0;
    while ((got = ::read(failures.get(), &failure, sizeof failure)) < 0 && errno == EINTR) {
    }
    if (got == sizeof failure) {
        ::waitpid(pid, nullptr, 0);
        return error_of(failure, spec);
    }
    FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
    if (!pidfd.is_open()) {
        const int number = errno;
        ::kill(-pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return error_of({Step::kProgram, number}, spec);
    }
    return Spawned{.pid = pid, .pidfd = std::move(pidfd)};
}

}  // namespace capstan::process
