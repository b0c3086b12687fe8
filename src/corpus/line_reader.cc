#include "corpus/line_reader.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace capstan::corpus {
namespace {

constexpr std::size_t kReadBytes = std::size_t{256} << 10;

}  // namespace

Result<FileDescriptor> open_regular_file(const std::filesystem::path& path) {
    auto fd = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) {
        return fd.error();
    }
    struct stat status{};
    if (::fstat(fd->get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return Error{ErrorCode::kInvalid, path.string() + " is not a regular file"};
    }
    return fd;
}

Result<LineReader> LineReader::open(const std::filesystem::path& path, std::size_t line_bytes_max) {
    auto fd = open_regular_file(path);
    if (!fd) {
        return fd.error();
    }
    return LineReader(*std::move(fd), path, line_bytes_max);
}

Result<bool> LineReader::fill() {
    buffer_.erase(0, begin_);
    begin_ = 0;
    const std::size_t used = buffer_.size();
    buffer_.resize(used + kReadBytes);
    ssize_t got = 0;
    do {
        got = ::read(fd_.get(), buffer_.data() + used, kReadBytes);
    } while (got < 0 && errno == EINTR);
    const int number = errno;
    buffer_.resize(used + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got < 0) {
        return Error{
            ErrorCode::kUnavailable,
            "cannot read " + path_.string() + ": " +
                std::error_code(number, std::generic_category()).message()
        };
    }
    return got > 0;
}

Result<std::optional<LineReader::Line>> LineReader::skip_long_line() {
    std::uint64_t bytes = 0;
    while (true) {
        const std::size_t end = buffer_.find('\n', begin_);
        if (end != std::string::npos) {
            bytes += end - begin_;
            begin_ = end + 1;
            return Line{.number = number_, .text = {}, .bytes = bytes, .is_too_long = true};
        }
        bytes += buffer_.size() - begin_;
        begin_ = buffer_.size();
        const auto more = fill();
        if (!more) {
            return more.error();
        }
        if (!*more) {
            return Line{.number = number_, .text = {}, .bytes = bytes, .is_too_long = true};
        }
    }
}

Result<std::optional<LineReader::Line>> LineReader::next() {
    number_ += 1;
    std::size_t searched = begin_;
    while (true) {
        std::size_t end = buffer_.find('\n', searched);
        std::size_t after = end + 1;
        if (end == std::string::npos && buffer_.size() - begin_ <= line_bytes_max_) {
            searched = buffer_.size() - begin_;
            const auto more = fill();
            if (!more) {
                return more.error();
            }
            if (*more) {
                continue;
            }
            if (buffer_.empty()) {
                return std::optional<Line>();
            }
            end = buffer_.size();
            after = end;
        }
        if (end == std::string::npos || end - begin_ > line_bytes_max_) {
            return skip_long_line();
        }
        std::string_view text = std::string_view(buffer_).substr(begin_, end - begin_);
        const std::uint64_t bytes = text.size();
        if (text.ends_with('\r')) {
            text.remove_suffix(1);
        }
        begin_ = after;
        return Line{.number = number_, .text = text, .bytes = bytes, .is_too_long = false};
    }
}

}  // namespace capstan::corpus
