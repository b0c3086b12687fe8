#include "platform/objects/disk_writer.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"

namespace capstan::objects {

Result<IncomingFile> IncomingFile::create(const std::filesystem::path& incoming) {
    for (;;) {
        const std::filesystem::path path = incoming / new_id();
        Result<FileDescriptor> fd = open_file(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (!fd) {
            return fd.error();
        }
        struct stat status{};
        // Another process that starts up may have found it unlocked, and removed it: then take another.
        if (::flock(fd->get(), LOCK_EX) == 0 && ::fstat(fd->get(), &status) == 0 && status.st_nlink == 1) {
            return IncomingFile(std::move(*fd), path);
        }
    }
}

IncomingFile::~IncomingFile() {
    if (!path_.empty()) {
        ::unlink(path_.c_str());
    }
}

IncomingFile::IncomingFile(IncomingFile&& other) noexcept
    : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})) {}

Result<void> IncomingFile::move_to(const std::filesystem::path& to) {
    if (::rename(path_.c_str(), to.c_str()) != 0) {
        return Error{
            ErrorCode::kUnavailable,
            fmt::format("cannot move {} to {}: errno {}", path_.string(), to.string(), errno)
        };
    }
    path_.clear();
    fd_.close();
    return {};
}

}  // namespace capstan::objects
