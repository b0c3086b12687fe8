#include "base/file.h"

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"

namespace capstan {
namespace {

Error errno_error(std::string_view action, const std::filesystem::path& path, int number) {
    const auto code = [number] {
        switch (number) {
            case ENOENT:
            case ENOTDIR:
                return ErrorCode::kNotFound;
            case EACCES:
            case EPERM:
            case EROFS:
                return ErrorCode::kDenied;
            case ENOSPC:
            case EDQUOT:
            case EMFILE:
            case ENFILE:
                return ErrorCode::kExhausted;
            default:
                return ErrorCode::kUnavailable;
        }
    }();
    const std::string reason = std::error_code(number, std::generic_category()).message();
    return {code, "cannot " + std::string(action) + " " + path.string() + ": " + reason};
}

Result<std::uint64_t> size_of(int fd, const std::filesystem::path& path) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) {
        return errno_error("read", path, errno);
    }
    if (S_ISDIR(status.st_mode)) {
        return Error{ErrorCode::kInvalid, path.string() + " is a folder, not a file"};
    }
    return static_cast<std::uint64_t>(status.st_size);
}

Result<void> write_and_rename(
    const std::filesystem::path& temporary,
    const std::filesystem::path& path,
    std::string_view content,
    unsigned mode
) {
    auto fd = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (!fd) {
        return fd.error();
    }
    if (auto written = write_all(fd->get(), content, temporary); !written) {
        return written;
    }
    if (auto synced = sync_file(fd->get(), temporary); !synced) {
        return synced;
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        return errno_error("rename to", path, errno);
    }
    return sync_folder(path.parent_path());
}

}  // namespace

FileDescriptor::~FileDescriptor() {
    close();
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = other.release();
    }
    return *this;
}

int FileDescriptor::release() {
    return std::exchange(fd_, -1);
}

void FileDescriptor::close() {
    if (fd_ >= 0) {
        ::close(std::exchange(fd_, -1));
    }
}

Result<FileDescriptor> open_file(const std::filesystem::path& path, int flags, unsigned mode) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, static_cast<mode_t>(mode));
    if (fd < 0) {
        return errno_error("open", path, errno);
    }
    return FileDescriptor(fd);
}

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
    auto fd = open_file(path, O_RDONLY);
    if (!fd) {
        return fd.error();
    }
    const auto size = size_of(fd->get(), path);
    if (!size) {
        return size.error();
    }
    const auto too_large = [&] {
        return Error{
            ErrorCode::kTooLarge, path.string() + " has more than " + std::to_string(bytes_max) + " bytes"
        };
    };
    if (*size > bytes_max) {
        return too_large();
    }
    // Files under /proc say 0 and grow while they are read: read to the end whatever fstat said.
    std::string content(*size + 1, '\0');
    std::size_t used = 0;
    while (true) {
        const ssize_t got = ::read(fd->get(), content.data() + used, content.size() - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return errno_error("read", path, errno);
        }
        used += static_cast<std::size_t>(got);
        if (got == 0) {
            break;
        }
        if (used > bytes_max) {
            return too_large();
        }
        if (used == content.size()) {
            content.resize(content.size() * 2 + 4096);
        }
    }
    content.resize(used);
    return content;
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view content, unsigned mode) {
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    if (auto created = create_folders(folder); !created) {
        return created;
    }
    const auto temporary = folder / ("." + path.filename().string() + "." + new_id() + ".tmp");
    auto written = write_and_rename(temporary, folder / path.filename(), content, mode);
    if (!written) {
        ::unlink(temporary.c_str());
    }
    return written;
}

Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return errno_error("write", path, errno);
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<void> sync_file(int fd, const std::filesystem::path& path) {
    if (::fsync(fd) != 0) {
        return errno_error("sync", path, errno);
    }
    return {};
}

Result<void> sync_folder(const std::filesystem::path& folder) {
    auto fd = open_file(folder.empty() ? std::filesystem::path(".") : folder, O_RDONLY | O_DIRECTORY);
    if (!fd) {
        return fd.error();
    }
    return sync_file(fd->get(), folder);
}

Result<void> create_folders(const std::filesystem::path& folder) {
    std::error_code failure;
    std::vector<std::filesystem::path> parents;  // Of the folders that are missing, innermost first.
    for (auto missing = folder.lexically_normal();
         !missing.empty() && !std::filesystem::exists(missing, failure) && !failure;
         missing = missing.parent_path()) {
        parents.push_back(missing.parent_path());
    }
    std::filesystem::create_directories(folder, failure);
    if (failure) {
        return errno_error("create the folder", folder, failure.value());
    }
    for (const auto& parent : parents) {
        if (auto synced = sync_folder(parent); !synced) {
            return synced;
        }
    }
    return {};
}

Result<void> remove_tree(const std::filesystem::path& path) {
    std::error_code failure;
    std::filesystem::remove_all(path, failure);
    if (failure) {
        return errno_error("remove", path, failure.value());
    }
    return {};
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
    auto fd = open_file(path, O_RDONLY);
    if (!fd) {
        return fd.error();
    }
    const auto size = size_of(fd->get(), path);
    if (!size) {
        return size.error();
    }
    if (*size == 0) {
        return MappedFile(nullptr, 0);
    }
    void* data = ::mmap(nullptr, *size, PROT_READ, MAP_PRIVATE, fd->get(), 0);
    if (data == MAP_FAILED) {
        return errno_error("map", path, errno);
    }
    return MappedFile(static_cast<const char*>(data), *size);
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) {
        ::munmap(const_cast<char*>(data_), size_);
    }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

Result<FileLock> FileLock::acquire(const std::filesystem::path& path) {
    auto fd = open_file(path, O_RDWR | O_CREAT, 0644);
    if (!fd) {
        return fd.error();
    }
    if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return Error{ErrorCode::kConflict, path.string() + " is held by another process"};
        }
        return errno_error("lock", path, errno);
    }
    return FileLock(std::move(*fd));
}

}  // namespace capstan
