#include "platform/objects/object_store.h"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"

namespace capstan::objects {
namespace {

constexpr std::size_t kCopyBytes = std::size_t{1} << 20;

Result<std::size_t> read_some(int fd, std::string& buffer, const std::filesystem::path& path) {
    for (;;) {
        const ssize_t count = ::read(fd, buffer.data(), buffer.size());
        if (count >= 0) {
            return static_cast<std::size_t>(count);
        }
        if (errno != EINTR) {
            return Error{
                ErrorCode::kUnavailable, fmt::format("cannot read {}: errno {}", path.string(), errno)
            };
        }
    }
}

Result<void> copy_to(ObjectReader& reader, int fd, const std::filesystem::path& path) {
    for (;;) {
        const Result<std::string_view> part = reader.next();
        if (!part) {
            return part.error();
        }
        if (part->empty()) {
            return sync_file(fd, path);
        }
        if (Result<void> written = write_all(fd, *part, path); !written) {
            return written;
        }
    }
}

}  // namespace

Result<ObjectInfo> ObjectStore::put(std::string_view bytes) {
    Result<std::unique_ptr<ObjectWriter>> writer = begin();
    if (!writer) {
        return writer.error();
    }
    if (Result<void> written = (*writer)->write(bytes); !written) {
        return written.error();
    }
    return (*writer)->finish();
}

Result<ObjectInfo> ObjectStore::put_file(const std::filesystem::path& path) {
    const Result<FileDescriptor> file = open_file(path, O_RDONLY | O_CLOEXEC);
    if (!file) {
        return file.error();
    }
    Result<std::unique_ptr<ObjectWriter>> writer = begin();
    if (!writer) {
        return writer.error();
    }
    std::string buffer(kCopyBytes, '\0');
    for (;;) {
        const Result<std::size_t> count = read_some(file->get(), buffer, path);
        if (!count) {
            return count.error();
        }
        if (*count == 0) {
            return (*writer)->finish();
        }
        if (Result<void> written = (*writer)->write(std::string_view(buffer).substr(0, *count)); !written) {
            return written.error();
        }
    }
}

Result<bool> ObjectStore::exists(std::string_view id) {
    const Result<ObjectInfo> info = stat(id);
    if (info) {
        return true;
    }
    return info.error().code == ErrorCode::kNotFound ? Result<bool>(false) : Result<bool>(info.error());
}

Result<std::string> ObjectStore::get(std::string_view id, std::uint64_t bytes_max) {
    const Result<std::unique_ptr<ObjectReader>> reader = open(id, {});
    if (!reader) {
        return reader.error();
    }
    const std::uint64_t size = (*reader)->info().size_bytes;
    if (size > bytes_max) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format("object {} has {} bytes; the limit here is {}", id, size, bytes_max)
        };
    }
    std::string bytes;
    bytes.reserve(size);
    for (;;) {
        const Result<std::string_view> part = (*reader)->next();
        if (!part) {
            return part.error();
        }
        if (part->empty()) {
            return bytes;
        }
        bytes += *part;
    }
}

Result<void> ObjectStore::get_file(std::string_view id, const std::filesystem::path& path) {
    const Result<std::unique_ptr<ObjectReader>> reader = open(id, {});
    if (!reader) {
        return reader.error();
    }
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    if (Result<void> made = create_folders(folder); !made) {
        return made;
    }
    const std::filesystem::path part = folder / (path.filename().string() + "." + new_id() + ".part");
    const Result<FileDescriptor> file = open_file(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (!file) {
        return file.error();
    }
    Result<void> copied = copy_to(**reader, file->get(), part);
    if (copied && ::rename(part.c_str(), path.c_str()) != 0) {
        copied =
            Error{ErrorCode::kUnavailable, fmt::format("cannot replace {}: errno {}", path.string(), errno)};
    }
    if (!copied) {
        ::unlink(part.c_str());
        return copied;
    }
    return sync_folder(folder);
}

bool is_object_id(std::string_view id) {
    return id.size() == 64 &&
           std::ranges::all_of(id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace capstan::objects
