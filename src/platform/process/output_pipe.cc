#include "platform/process/output_pipe.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace capstan::process {
namespace {

constexpr int kReadsMax = 16;  // Of 64 KiB, the size of a pipe.

}  // namespace

Result<FileDescriptor> OutputPipe::open(const OutputFile& output, OutputPipe& pipe) {
    if (output.path.empty()) {
        return open_file("/dev/null", O_WRONLY);
    }
    if (output.bytes_max == 0) {
        return open_file(output.path, O_WRONLY | O_APPEND | O_CREAT, 0644);
    }
    auto log = BoundedLog::open(output.path, output.bytes_max);
    if (!log) {
        return log.error();
    }
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return Error{ErrorCode::kExhausted, "cannot start a process: too many open files"};
    }
    pipe.log_.emplace(std::move(*log));
    pipe.end_ = FileDescriptor(ends[0]);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return FileDescriptor(ends[1]);
}

void OutputPipe::pump() {
    std::array<char, 65536> buffer;  // Not initialised: read fills it.
    for (int i = 0; i < kReadsMax && end_.is_open(); ++i) {
        const ssize_t got = ::read(end_.get(), buffer.data(), buffer.size());
        if (got > 0) {
            log_->append({buffer.data(), static_cast<std::size_t>(got)});
        } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
            end_.close();
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

void OutputPipe::finish() {
    pump();
    end_.close();
    if (log_) {
        log_->finish();
    }
}

}  // namespace capstan::process
