#pragma once

// The end of a file that one run of a process may fill only so far.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace capstan::process {

// Appends the first `bytes_max` bytes that it is given. Of the rest it remembers the last 64 KiB, which
// `finish` appends below a line that says how much was left out: why a process failed is usually its last
// words.
class BoundedLog {
public:
    static Result<BoundedLog> open(const std::filesystem::path& path, std::uint64_t bytes_max);

    // A full disk loses output, not the process that made it: the first failure is logged, the rest dropped.
    void append(std::string_view bytes);
    void finish();

private:
    BoundedLog(FileDescriptor file, std::filesystem::path path, std::uint64_t bytes_max)
        : file_(std::move(file)), path_(std::move(path)), bytes_left_(bytes_max) {}

    void write(std::string_view bytes);

    FileDescriptor file_;
    std::filesystem::path path_;
    std::uint64_t bytes_left_;
    std::string tail_;
    std::uint64_t dropped_bytes_ = 0;
    bool has_failed_ = false;
};

}  // namespace capstan::process
