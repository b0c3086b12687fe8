#include "platform/process/identity.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

namespace capstan::process {
namespace {

// From linux/dirent.h, which user space does not get.
struct DirectoryEntry {
    std::uint64_t inode;
    std::int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[1];
};

// "/proc/123/environ" without allocating.
class ProcPath {
public:
    ProcPath(int pid, std::string_view file) {
        append("/proc/");
        const auto end = std::to_chars(text_.data() + used_, text_.data() + text_.size(), pid).ptr;
        used_ = static_cast<std::size_t>(end - text_.data());
        append("/");
        append(file);
    }

    const char* c_str() const { return text_.data(); }

private:
    void append(std::string_view part) {
        for (const char c : part) {
            text_[used_++] = c;
        }
    }

    std::array<char, 64> text_{};
    std::size_t used_ = 0;
};

// Whether one of the NUL-separated entries read from `fd` begins with `mark`.
bool has_mark(int fd, std::string_view mark) {
    std::array<char, 4096> buffer;  // Not initialised: read fills it.
    std::size_t matched = 0;
    bool may_match = true;  // All of this entry so far agrees with the mark.
    while (true) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
            const char c = buffer[i];
            may_match = c == '\0' || (may_match && c == mark[matched]);
            matched = c == '\0' ? 0 : matched + (may_match ? 1 : 0);
            if (matched == mark.size()) {
                return true;
            }
        }
    }
}

int open_process(int pid) {
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U));
}

bool send_signal(int pidfd, int signal) {
    return ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0U) == 0;
}

bool kill_if_marked(int pid, std::string_view mark) {
    const int pidfd = open_process(pid);  // Before we look: what we then see is this process, or it is gone.
    if (pidfd < 0) {
        return false;
    }
    const int environment = ::open(ProcPath(pid, "environ").c_str(), O_RDONLY | O_CLOEXEC);
    const bool found = environment >= 0 && has_mark(environment, mark) && send_signal(pidfd, SIGKILL);
    if (environment >= 0) {
        ::close(environment);
    }
    ::close(pidfd);
    return found;
}

// Calls `visit` with each process number. Async-signal-safe.
template <typename Visit>
void each_process(Visit visit) {
    const int folder = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return;
    }
    alignas(DirectoryEntry) std::array<char, 8192> buffer;  // Not initialised: the kernel fills it.
    long got = 0;
    while ((got = ::syscall(SYS_getdents64, folder, buffer.data(), buffer.size())) > 0) {
        for (long at = 0; at < got;) {
            const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer.data() + at);
            const char* name = buffer.data() + at + offsetof(DirectoryEntry, name);
            const std::string_view text(name);
            int pid = 0;
            const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), pid);
            if (failure == std::errc() && end == text.data() + text.size()) {
                visit(pid);
            }
            at += entry->length;
        }
    }
    ::close(folder);
}

struct Stat {
    ProcessIdentity identity;
    bool has_ended;  // A zombie.
};

std::optional<Stat> read_stat(int pid) {
    const auto text = read_file("/proc/" + std::to_string(pid) + "/stat", 64 * 1024);
    // "PID (name) S ppid …": the name may hold spaces and brackets, so count from the last ')'. The state is
    // field 3, the start time field 22 (proc(5)).
    std::size_t at = text ? text->rfind(')') : std::string::npos;
    if (at == std::string::npos || text->size() < at + 4) {
        return std::nullopt;
    }
    const char state = (*text)[at + 2];
    for (int field = 2; field < 22 && at != std::string::npos; ++field) {
        at = text->find(' ', at + 1);
    }
    if (at == std::string::npos) {
        return std::nullopt;
    }
    Stat stat{.identity = {.pid = pid}, .has_ended = state == 'Z' || state == 'X'};
    std::from_chars(text->data() + at + 1, text->data() + text->size(), stat.identity.start_ticks);
    return stat;
}

std::int64_t now_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

std::optional<ProcessIdentity> identify(int pid) {
    const auto stat = read_stat(pid);
    return stat && !stat->has_ended ? std::optional(stat->identity) : std::nullopt;
}

ProcessIdentity identify_child(int pid) {
    const auto stat = read_stat(pid);
    return stat ? stat->identity : ProcessIdentity{.pid = pid};
}

bool is_running(const ProcessIdentity& identity) {
    return identify(identity.pid) == identity;
}

bool signal_process(const ProcessIdentity& identity, int signal) {
    const FileDescriptor pidfd(open_process(identity.pid));
    return pidfd.is_open() && is_running(identity) && send_signal(pidfd.get(), signal);
}

int kill_marked(std::string_view mark, std::int64_t ms_max) {
    if (mark.empty()) {
        return 0;
    }
    const int self = static_cast<int>(::getpid());
    const std::int64_t end_ms = now_ms() + ms_max;
    int found = 0;
    int pass_found = 0;
    do {
        pass_found = 0;
        each_process([&](int pid) { pass_found += pid != self && kill_if_marked(pid, mark) ? 1 : 0; });
        found = std::max(found, pass_found);
        if (pass_found > 0) {
            const timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};  // For them to die.
            ::nanosleep(&pause, nullptr);
        }
    } while (pass_found > 0 && now_ms() < end_ms);
    return found;
}

}  // namespace capstan::process
