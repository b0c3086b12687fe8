#pragma once

// What to run as a child process, within which limits, and how it ended.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace capstan::process {

// Where one of the child's output streams goes: nowhere (no path), straight to the end of a file, or through
// us to the end of a file that stays bounded.
struct OutputFile {
    std::filesystem::path path = {};
    // 0: the child writes the file itself. Else at most this many bytes of one run, then a line that says how
    // many were left out, and the run's last 64 KiB when it ends.
    std::uint64_t bytes_max = 0;
};

// 0: as the server itself.
struct ResourceLimits {
    std::uint64_t memory_bytes =
        0;                          // Private memory of one process (RLIMIT_DATA); mapped files do not count.
    std::uint64_t cpu_seconds = 0;  // Of one process; then SIGKILL.
    std::uint64_t open_files = 0;
    int nice = 0;              // Added to the server's; 19 is the most polite.
    int oom_score_adjust = 0;  // 1000: the first to go when the machine runs out of memory.
};

struct ProcessSpec {
    // The program and its arguments. A program without '/' is looked up in PATH.
    std::vector<std::string> argv = {};
    // Added to what is inherited: the server's own variables, without CAPSTAN_* (its settings) and without
    // names that speak of a key, secret, token, password or credential.
    std::vector<std::pair<std::string, std::string>> environment = {};
    std::filesystem::path working_directory = {};  // Empty: the server's.
    OutputFile standard_output = {};
    OutputFile standard_error = {};
    ResourceLimits limits = {};
    std::int64_t run_ms_max = 0;               // After that it is terminated; 0: never.
    std::int64_t terminate_grace_ms = 10'000;  // Between SIGTERM and SIGKILL when run_ms_max has passed.
};

// A process for ever: its number may be used again, but not with the same start time.
struct ProcessIdentity {
    int pid = 0;
    std::uint64_t start_ticks = 0;  // Since boot, as in /proc/PID/stat.

    bool operator==(const ProcessIdentity&) const = default;
};

struct ProcessExit {
    std::optional<int> exit_code = {};  // Either this,
    std::optional<int> signal = {};     // or this.
    bool was_over_time = false;         // run_ms_max had passed.
    std::int64_t wall_ms = 0;
    std::int64_t user_ms = 0;  // CPU time of the process and of those it waited for.
    std::int64_t system_ms = 0;
    std::uint64_t memory_bytes_max = 0;  // The largest resident size of one of them.

    bool is_success() const { return exit_code == 0; }
};

// "exit code 3", "signal 9 (Killed)", with "after its time was over" when it was.
std::string describe(const ProcessExit& exit);

}  // namespace capstan::process
