#pragma once

// The temporary file of an object that is being written.

#include <filesystem>
#include <string>

#include "base/file.h"

namespace capstan::objects {

// A file under `incoming`, locked while its writer lives, removed with it.
class IncomingFile {
public:
    static Result<IncomingFile> create(const std::filesystem::path& incoming);
    ~IncomingFile();
    IncomingFile(IncomingFile&& other) noexcept;
    IncomingFile& operator=(IncomingFile&&) = delete;

    int fd() const { return fd_.get(); }

    const std::filesystem::path& path() const { return path_; }

    // After it the file is at `to`, and no more removed. The caller syncs the folder.
    Result<void> move_to(const std::filesystem::path& to);

private:
    IncomingFile(FileDescriptor fd, std::filesystem::path path)
        : fd_(std::move(fd)), path_(std::move(path)) {}

    FileDescriptor fd_;
    std::filesystem::path path_;  // Empty once moved.
};

}  // namespace capstan::objects
