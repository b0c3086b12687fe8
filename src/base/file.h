#pragma once

// Files: whole reads and writes, atomic replacement that survives power loss, memory maps.
//
// Errors name the path. kNotFound when it is not there, kDenied without the right, kTooLarge over a limit,
// kExhausted when the disk is full, kUnavailable for the rest.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace capstan {

// An open file descriptor, closed at the end of its life.
class FileDescriptor {
public:
    FileDescriptor() = default;

    explicit FileDescriptor(int fd) : fd_(fd) {}

    ~FileDescriptor();
    FileDescriptor(FileDescriptor&& other) noexcept;
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;

    int get() const { return fd_; }

    bool is_open() const { return fd_ >= 0; }

    int release();  // The caller closes it.
    void close();

private:
    int fd_ = -1;
};

Result<FileDescriptor> open_file(const std::filesystem::path& path, int flags, unsigned mode = 0600);

Result<std::string> read_file(
    const std::filesystem::path& path, std::uint64_t bytes_max = std::uint64_t{1} << 32
);

// After it returns, a reader at any moment (power loss included) sees the whole old or the whole new content:
// temporary name, fsync, rename, fsync of the folder. Creates missing folders.
Result<void> replace_file(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);

// Writes all of `bytes`, continuing after short writes and signals.
Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path);

Result<void> sync_file(int fd, const std::filesystem::path& path);
Result<void> sync_folder(const std::filesystem::path& folder);

// Creates the folder and those above it that are missing, durably.
Result<void> create_folders(const std::filesystem::path& folder);

// Removes a file or a folder with all in it; nothing there is no error.
Result<void> remove_tree(const std::filesystem::path& path);

// A file mapped read-only. An empty file has an empty view.
class MappedFile {
public:
    static Result<MappedFile> open(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;

    std::string_view bytes() const { return {data_, size_}; }

private:
    MappedFile(const char* data, std::size_t size) : data_(data), size_(size) {}

    const char* data_ = nullptr;
    std::size_t size_ = 0;
};

// Holds an exclusive flock on `path` (created when missing) while it lives; the kernel lets go when the
// process dies.
class FileLock {
public:
    // kConflict at once when another process holds it.
    static Result<FileLock> acquire(const std::filesystem::path& path);

private:
    explicit FileLock(FileDescriptor fd) : fd_(std::move(fd)) {}

    FileDescriptor fd_;
};

}  // namespace capstan
