#include "platform/objects/disk_reader.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "platform/objects/content_hash.h"

namespace capstan::objects {
namespace {

Error damaged(std::string_view id, std::string_view how) {
    return {
        ErrorCode::kUnavailable,
        fmt::format("object {} is damaged: {}; restore it from a backup, or put its content again", id, how)
    };
}

class DiskReader final : public ObjectReader {
public:
    DiskReader(FileDescriptor file, ObjectInfo info, ByteRange range, std::vector<std::uint64_t> sums)
        : file_(std::move(file)),
          info_(std::move(info)),
          sums_(std::move(sums)),
          at_(std::min(range.offset, info_.size_bytes)),
          end_(at_ + std::min(range.length, info_.size_bytes - at_)) {
        if (at_ == 0 && end_ == info_.size_bytes) {
            whole_.emplace();
        }
        chunk_.reserve(std::min(kChunkBytes, info_.size_bytes));
    }

    const ObjectInfo& info() const override { return info_; }

    Result<std::string_view> next() override {
        if (at_ >= end_) {
            return check_whole();
        }
        const std::uint64_t index = at_ / kChunkBytes;
        if (Result<void> loaded = load(index); !loaded) {
            return loaded.error();
        }
        if (whole_) {
            whole_->update(chunk_);
        }
        const std::uint64_t start = index * kChunkBytes;
        const std::uint64_t stop = std::min(end_, start + chunk_.size());
        const std::string_view part = std::string_view(chunk_).substr(at_ - start, stop - at_);
        at_ = stop;
        return part;
    }

private:
    // At the end of a whole read, once: the SHA-256 must be the name.
    Result<std::string_view> check_whole() {
        if (whole_ && to_hex(whole_->finish()) != info_.id) {
            return damaged(info_.id, "its SHA-256 is another");
        }
        whole_.reset();
        return std::string_view();
    }

    Result<void> load(std::uint64_t index) {
        const std::uint64_t start = index * kChunkBytes;
        chunk_.resize(std::min(kChunkBytes, info_.size_bytes - start));
        std::size_t filled = 0;
        while (filled < chunk_.size()) {
            const ssize_t count = ::pread(
                file_.get(),
                chunk_.data() + filled,
                chunk_.size() - filled,
                static_cast<off_t>(start + filled)
            );
            if (count < 0 && errno == EINTR) {
                continue;
            }
            if (count <= 0) {
                return damaged(info_.id, count == 0 ? "it is too short" : fmt::format("errno {}", errno));
            }
            filled += static_cast<std::size_t>(count);
        }
        const bool is_right =
            sums_.empty() ? sha256_hex(chunk_) == info_.id : xxh3_64(chunk_) == sums_[index];
        if (!is_right) {
            return damaged(info_.id, fmt::format("the bytes from {} on have another checksum", start));
        }
        return {};
    }

    FileDescriptor file_;
    ObjectInfo info_;
    std::vector<std::uint64_t> sums_;  // Empty when the object is one chunk: its SHA-256 verifies it.
    std::uint64_t at_;
    std::uint64_t end_;
    std::optional<Sha256> whole_;  // While the whole object is being read.
    std::string chunk_;
};

// Reads the whole file, so that its SHA-256 can vouch for the sums.
Result<ChunkSums> sums_from_content(const ObjectInfo& info, const std::filesystem::path& path) {
    const Result<MappedFile> file = MappedFile::open(path);
    if (!file) {
        return file.error();
    }
    ContentHash hash;
    hash.update(file->bytes());
    ContentHash::Finished content = hash.finish();
    if (content.id != info.id) {
        return damaged(info.id, "its SHA-256 is another");
    }
    return std::move(content.chunks);
}

Result<std::vector<std::uint64_t>> read_sums(const ObjectInfo& info, const std::filesystem::path& path) {
    const Result<std::string> text = read_file(sums_path_of(path));
    Result<ChunkSums> sums = text ? decode_chunk_sums(*text) : Result<ChunkSums>(text.error());
    if (!sums || sums->size_bytes != info.size_bytes) {
        // Damaged, or lost to a removal that met a put of the same content.
        sums = sums_from_content(info, path);
    }
    if (!sums) {
        return sums.error();
    }
    return std::move(sums->sums);
}

}  // namespace

Result<std::unique_ptr<ObjectReader>> open_disk_reader(
    std::string_view id, const std::filesystem::path& path, ByteRange range
) {
    Result<ObjectInfo> info = disk_object_info(id, path);
    if (!info) {
        return info.error();
    }
    Result<FileDescriptor> file = open_file(path, O_RDONLY | O_CLOEXEC);
    if (!file) {
        return file.error();
    }
    std::vector<std::uint64_t> sums;
    if (info->size_bytes > kChunkBytes) {
        auto read = read_sums(*info, path);
        if (!read) {
            return read.error();
        }
        sums = std::move(*read);
    }
    return std::make_unique<DiskReader>(std::move(*file), std::move(*info), range, std::move(sums));
}

std::filesystem::path sums_path_of(const std::filesystem::path& object) {
    return object.string() + ".sums";
}

Result<ObjectInfo> disk_object_info(std::string_view id, const std::filesystem::path& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) {
            return Error{ErrorCode::kNotFound, fmt::format("no object {}", id)};
        }
        return Error{
            ErrorCode::kUnavailable, fmt::format("cannot look at {}: errno {}", path.string(), errno)
        };
    }
    return ObjectInfo{
        .id = std::string(id),
        .size_bytes = static_cast<std::uint64_t>(status.st_size),
        .stored_ms = status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000,
    };
}

}  // namespace capstan::objects
