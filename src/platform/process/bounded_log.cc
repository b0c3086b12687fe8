#include "platform/process/bounded_log.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/log.h"

namespace capstan::process {
namespace {

constexpr std::size_t kTailBytesMax = std::size_t{64} << 10;

}  // namespace

Result<BoundedLog> BoundedLog::open(const std::filesystem::path& path, std::uint64_t bytes_max) {
    auto file = open_file(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (!file) {
        return file.error();
    }
    return BoundedLog(std::move(*file), path, bytes_max);
}

void BoundedLog::append(std::string_view bytes) {
    const std::string_view first = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), bytes_left_));
    write(first);
    bytes_left_ -= first.size();
    bytes.remove_prefix(first.size());
    tail_ += bytes;
    if (tail_.size() > 2 * kTailBytesMax) {  // Twice, so that cutting costs little a byte.
        dropped_bytes_ += tail_.size() - kTailBytesMax;
        tail_.erase(0, tail_.size() - kTailBytesMax);
    }
}

void BoundedLog::finish() {
    if (tail_.size() > kTailBytesMax) {
        dropped_bytes_ += tail_.size() - kTailBytesMax;
        tail_.erase(0, tail_.size() - kTailBytesMax);
    }
    if (dropped_bytes_ > 0) {
        write(fmt::format("\n[capstan: {} bytes of output were left out here]\n", dropped_bytes_));
    }
    write(tail_);
    tail_.clear();
    dropped_bytes_ = 0;
}

void BoundedLog::write(std::string_view bytes) {
    if (bytes.empty() || has_failed_) {
        return;
    }
    if (auto written = write_all(file_.get(), bytes, path_); !written) {
        has_failed_ = true;
        log_warning("output of a process is lost", {{"reason", written.error().message}});
    }
}

}  // namespace capstan::process
