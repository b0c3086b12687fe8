#include "platform/process/keeper.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/process/identity.h"

namespace capstan::process {
namespace {

constexpr std::int64_t kKillMsMax = 10'000;

// The keeper's life. It is forked from a program that may have threads: only async-signal-safe calls.
[[noreturn]] void keep(int alive, const char* mark, std::size_t mark_bytes) {
    ::setsid();  // Neither Ctrl-C nor a hang-up of the server's terminal is for us.
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
        struct sigaction ignore{};
        ignore.sa_handler = SIG_IGN;
        ::sigaction(signal, &ignore, nullptr);
    }
    ::prctl(PR_SET_NAME, "capstan-keeper");
    // Keep nothing of the server's open: its locks and sockets must go when it goes.
    if (alive != 3) {
        ::dup2(alive, 3);
    }
    ::syscall(SYS_close_range, 4U, ~0U, 0U);
    ::syscall(SYS_close_range, 0U, 2U, 0U);
    char byte = 0;
    while (::read(3, &byte, 1) < 0 && errno == EINTR) {
    }
    kill_marked({mark, mark_bytes}, kKillMsMax);
    ::_exit(0);
}

}  // namespace

Result<Keeper> Keeper::start(const std::string& mark) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return Error{ErrorCode::kExhausted, "cannot start the keeper of processes: too many open files"};
    }
    FileDescriptor reading(ends[0]);
    FileDescriptor writing(ends[1]);
    const pid_t pid = ::fork();
    if (pid == 0) {
        keep(reading.get(), mark.data(), mark.size());
    }
    if (pid < 0) {
        return Error{ErrorCode::kExhausted, "cannot start the keeper of processes: too many processes"};
    }
    return Keeper(std::move(writing), pid);
}

Keeper::~Keeper() {
    alive_.close();
    if (pid_ > 0) {
        ::waitpid(pid_, nullptr, 0);
    }
}

Keeper::Keeper(Keeper&& other) noexcept
    : alive_(std::move(other.alive_)), pid_(std::exchange(other.pid_, 0)) {}

}  // namespace capstan::process
