#pragma once

// Runs one program to its end and keeps what it printed, within limits of time and size. The program gets no
// input, no shell, a fixed environment (PATH, LC_ALL=C.UTF-8) and none of our file descriptors.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace capstan::corpus {

struct ChildLimits {
    std::int64_t time_ms_max = 60'000;
    std::size_t output_bytes_max = std::size_t{256} << 20;
    std::uint64_t memory_bytes_max = std::uint64_t{2} << 30;  // Of its address space.
};

struct ChildOutput {
    std::string text;   // Its standard output; standard error is dropped.
    int exit_code = 0;  // 128 + signal when one ended it.
};

// `command[0]` is looked up in PATH. kNotFound when the program is not installed, kCancelled past the
// deadline or after stop_requested(), kTooLarge past the output limit; in these cases the child is killed and
// reaped.
Result<ChildOutput> run_child(
    const std::vector<std::string>& command, const std::filesystem::path& folder, const ChildLimits& limits
);

}  // namespace capstan::corpus
