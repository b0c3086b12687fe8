#include "corpus/child_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/job_directory.h"

namespace capstan::corpus {
namespace {

constexpr int kExecFailed = 127;
constexpr int kPollMs = 100;

Error system_error(std::string_view what, int number) {
    return {
        ErrorCode::kUnavailable,
        std::string(what) + ": " + std::error_code(number, std::generic_category()).message()
    };
}

// Between fork and exec only async-signal-safe calls: the parent has threads.
[[noreturn]] void become(char* const* argv, const char* folder, int output, const ChildLimits& limits) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const rlimit memory{.rlim_cur = limits.memory_bytes_max, .rlim_max = limits.memory_bytes_max};
    const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
    // AddressSanitizer reserves terabytes of addresses; the child is another program and does not.
    setrlimit(RLIMIT_AS, &memory);
    setrlimit(RLIMIT_CORE, &no_core);
    const int null = ::open("/dev/null", O_RDWR);
    std::array<char, 30> path{"PATH=/usr/bin:/bin"};
    std::array<char, 30> locale{"LC_ALL=C.UTF-8"};
    const std::array<char*, 3> environment{path.data(), locale.data(), nullptr};
    if (null < 0 || ::dup2(null, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(null, 2) < 0 ||
        ::chdir(folder) != 0) {
        ::_exit(kExecFailed);
    }
    ::execvpe(argv[0], argv, environment.data());
    ::_exit(kExecFailed);
}

// Reads until the child closes its end. Everything that goes wrong here is a reason to kill it.
Result<std::string> read_output(int fd, const ChildLimits& limits) {
    const std::int64_t deadline_ms = monotonic_now_ms() + limits.time_ms_max;
    std::string text;
    std::array<char, 65536> buffer{};
    while (true) {
        if (monotonic_now_ms() > deadline_ms) {
            return Error{
                ErrorCode::kCancelled, "took longer than " + std::to_string(limits.time_ms_max) + " ms"
            };
        }
        if (stop_requested()) {
            return Error{ErrorCode::kCancelled, "stopped on request"};
        }
        pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
        const int ready = ::poll(&waiting, 1, kPollMs);
        if (ready <= 0) {
            continue;  // Time passed, or a signal came.
        }
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got == 0) {
            return text;
        }
        if (got < 0 && errno != EINTR && errno != EAGAIN) {
            return system_error("cannot read its output", errno);
        }
        if (got > 0) {
            text.append(buffer.data(), static_cast<std::size_t>(got));
        }
        if (text.size() > limits.output_bytes_max) {
            return Error{
                ErrorCode::kTooLarge, "printed over " + std::to_string(limits.output_bytes_max) + " bytes"
            };
        }
    }
}

int reap(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<ChildOutput> run_child(
    const std::vector<std::string>& command, const std::filesystem::path& folder, const ChildLimits& limits
) {
    std::array<int, 2> pipe_ends{};
    if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
        return system_error("cannot make a pipe", errno);
    }
    FileDescriptor reader(pipe_ends[0]);
    FileDescriptor writer(pipe_ends[1]);
    std::vector<std::string> words = command;
    std::vector<char*> argv;
    for (auto& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0) {
        return system_error("cannot start " + command[0], errno);
    }
    if (child == 0) {
        become(argv.data(), folder.c_str(), writer.get(), limits);
    }
    writer.close();
    auto text = read_output(reader.get(), limits);
    if (!text) {
        ::kill(child, SIGKILL);
    }
    const int exit_code = reap(child);
    if (!text) {
        return with_context(command[0], text.error());
    }
    if (exit_code == kExecFailed) {
        return Error{ErrorCode::kNotFound, command[0] + " cannot be started: is it installed?"};
    }
    return ChildOutput{.text = *std::move(text), .exit_code = exit_code};
}

}  // namespace capstan::corpus
