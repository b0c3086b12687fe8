#pragma once

// A file, line by line, in bounded memory: a line over the limit is said to be there and skipped.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace capstan::corpus {

class LineReader {
public:
    struct Line {
        std::uint64_t number = 0;  // From 1.
        std::string_view text;     // Without its end ("\n" or "\r\n"); valid until the next call.
        std::uint64_t bytes = 0;   // Of the line, also when it is too long.
        bool is_too_long = false;  // Then `text` is empty.
    };

    // Does not follow a link at the end of `path` and does not wait for a pipe or device: kInvalid for what
    // is no regular file.
    static Result<LineReader> open(const std::filesystem::path& path, std::size_t line_bytes_max);

    // Nothing at the end of the file.
    Result<std::optional<Line>> next();

private:
    LineReader(FileDescriptor fd, std::filesystem::path path, std::size_t line_bytes_max)
        : fd_(std::move(fd)), path_(std::move(path)), line_bytes_max_(line_bytes_max) {}

    Result<bool> fill();  // False at the end of the file.
    Result<std::optional<Line>> skip_long_line();

    FileDescriptor fd_;
    std::filesystem::path path_;
    std::size_t line_bytes_max_;
    std::string buffer_;
    std::size_t begin_ = 0;  // Of what was not given out, in buffer_.
    std::uint64_t number_ = 0;
};

// Opens for reading what is a regular file and no link.
Result<FileDescriptor> open_regular_file(const std::filesystem::path& path);

}  // namespace capstan::corpus
