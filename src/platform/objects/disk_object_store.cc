#include "platform/objects/disk_object_store.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "platform/objects/content_hash.h"
#include "platform/objects/disk_reader.h"
#include "platform/objects/disk_writer.h"

namespace capstan::objects {
namespace {

constexpr std::size_t kListMax = 10'000;

Error not_an_id(std::string_view id) {
    return {
        ErrorCode::kInvalid,
        fmt::format("'{}' is no object id: 64 lower-case hexadecimal digits", id.substr(0, 80))
    };
}

// The folder's entries whose names begin as `prefix` does, in order.
std::set<std::string> names_in(const std::filesystem::path& folder, std::string_view prefix) {
    std::set<std::string> names;
    std::error_code problem;
    for (const auto& entry : std::filesystem::directory_iterator(folder, problem)) {
        const std::string name = entry.path().filename().string();
        const std::size_t common = std::min(name.size(), prefix.size());
        if (std::string_view(name).substr(0, common) == prefix.substr(0, common)) {
            names.insert(name);
        }
    }
    return names;
}

std::string_view rest_of(std::string_view text, std::size_t count) {
    return text.substr(std::min(count, text.size()));
}

}  // namespace

class DiskObjectWriter final : public ObjectWriter {
public:
    DiskObjectWriter(DiskObjectStore& store, IncomingFile file) : store_(&store), file_(std::move(file)) {}

    Result<void> write(std::string_view bytes) override {
        if (bytes.size() > store_->options_.object_bytes_max - size_bytes_) {
            return Error{
                ErrorCode::kTooLarge,
                fmt::format("an object may have {} bytes at most", store_->options_.object_bytes_max)
            };
        }
        size_bytes_ += bytes.size();
        hash_.update(bytes);
        return write_all(file_.fd(), bytes, file_.path());
    }

    Result<ObjectInfo> finish() override {
        CHECK(!is_finished_, "an object is finished once");
        is_finished_ = true;
        const ContentHash::Finished content = hash_.finish();
        const std::filesystem::path path = store_->path_of(content.id);
        if (Result<void> folder = store_->make_folder_of(content.id); !folder) {
            return folder.error();
        }
        if (size_bytes_ > kChunkBytes) {
            if (Result<void> sums = write_sums(content.chunks, sums_path_of(path)); !sums) {
                return sums.error();
            }
        }
        if (Result<void> synced = sync_file(file_.fd(), file_.path()); !synced) {
            return synced.error();
        }
        // Over one that may be there already: the same content, and whole, even if that one is damaged.
        if (Result<void> moved = file_.move_to(path); !moved) {
            return moved.error();
        }
        if (Result<void> synced = sync_folder(path.parent_path()); !synced) {
            return synced.error();
        }
        return disk_object_info(content.id, path);
    }

private:
    Result<void> write_sums(const ChunkSums& sums, const std::filesystem::path& path) {
        Result<IncomingFile> file = IncomingFile::create(store_->incoming());
        if (!file) {
            return file.error();
        }
        if (Result<void> written = write_all(file->fd(), encode_chunk_sums(sums), file->path()); !written) {
            return written;
        }
        if (Result<void> synced = sync_file(file->fd(), file->path()); !synced) {
            return synced;
        }
        return file->move_to(path);
    }

    DiskObjectStore* store_;  // Outlives its writers.
    IncomingFile file_;
    ContentHash hash_;
    std::uint64_t size_bytes_ = 0;
    bool is_finished_ = false;
};

Result<std::unique_ptr<DiskObjectStore>> DiskObjectStore::open_folder(const DiskObjectStoreOptions& options) {
    std::unique_ptr<DiskObjectStore> store(new DiskObjectStore(options));
    if (Result<void> made = create_folders(store->incoming()); !made) {
        return made.error();
    }
    const std::filesystem::path top = options.folder / "sha256";
    if (Result<void> made = create_folders(top); !made) {
        return made.error();
    }
    if (Result<void> removed = store->remove_abandoned(); !removed) {
        return removed.error();
    }
    return store;
}

Result<void> DiskObjectStore::remove_abandoned() const {
    int removed = 0;
    for (const std::string& name : names_in(incoming(), "")) {
        const std::filesystem::path path = incoming() / name;
        const Result<FileDescriptor> file = open_file(path, O_RDWR | O_CLOEXEC);
        // Its writer holds the lock; the kernel let go of a dead one's.
        if (file && ::flock(file->get(), LOCK_EX | LOCK_NB) == 0 && ::unlink(path.c_str()) == 0) {
            ++removed;
        }
    }
    if (removed > 0) {
        log_info(
            "removed objects that were not finished", {{"folder", incoming().string()}, {"files", removed}}
        );
    }
    return {};
}

std::filesystem::path DiskObjectStore::path_of(std::string_view id) const {
    return options_.folder / "sha256" / id.substr(0, 2) / id.substr(2, 2) / id;
}

Result<void> DiskObjectStore::make_folder_of(std::string_view id) {
    std::size_t index = 0;
    std::from_chars(id.data(), id.data() + 4, index, 16);
    const std::filesystem::path second = path_of(id).parent_path();
    const std::filesystem::path first = second.parent_path();
    if (Result<void> made = make_folder(first, is_first_synced_.at(index / 256)); !made) {
        return made;
    }
    return make_folder(second, is_second_synced_.at(index));
}

// Makes `folder` in one that is there. `is_synced` remembers that it is known to be on the disk.
Result<void> DiskObjectStore::make_folder(const std::filesystem::path& folder, std::atomic<bool>& is_synced) {
    if (is_synced) {
        return {};
    }
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
        return Error{
            ErrorCode::kUnavailable, fmt::format("cannot make {}: errno {}", folder.string(), errno)
        };
    }
    // Also when it was there: another process may have made it a moment ago.
    Result<void> synced = sync_folder(folder.parent_path());
    is_synced = synced.has_value();
    return synced;
}

Result<std::unique_ptr<ObjectWriter>> DiskObjectStore::begin() {
    Result<IncomingFile> file = IncomingFile::create(incoming());
    if (!file) {
        return file.error();
    }
    return std::make_unique<DiskObjectWriter>(*this, std::move(*file));
}

Result<ObjectInfo> DiskObjectStore::put(std::string_view bytes) {
    const std::string id = sha256_hex(bytes);
    const std::filesystem::path path = path_of(id);
    const Result<ObjectInfo> known = disk_object_info(id, path);
    // There already, and renewed. If it is removed in between, utimensat fails, and we write it.
    if (known && known->size_bytes == bytes.size() && ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) == 0) {
        if (Result<void> folder = make_folder_of(id); !folder) {
            return folder.error();
        }
        if (Result<void> synced = sync_folder(path.parent_path()); !synced) {
            return synced.error();
        }
        return disk_object_info(id, path);
    }
    return ObjectStore::put(bytes);
}

Result<std::unique_ptr<ObjectReader>> DiskObjectStore::open(std::string_view id, ByteRange range) {
    if (!is_object_id(id)) {
        return not_an_id(id);
    }
    return open_disk_reader(id, path_of(id), range);
}

Result<ObjectInfo> DiskObjectStore::stat(std::string_view id) {
    if (!is_object_id(id)) {
        return not_an_id(id);
    }
    return disk_object_info(id, path_of(id));
}

Result<ObjectPage> DiskObjectStore::list(const ListQuery& query) {
    if (query.limit == 0 || query.limit > kListMax) {
        return Error{ErrorCode::kInvalid, fmt::format("the limit of a list is 1 to {}", kListMax)};
    }
    ObjectPage page;
    const std::filesystem::path top = options_.folder / "sha256";
    for (const std::string& first : names_in(top, query.prefix)) {
        if (first < query.after.substr(0, 2)) {
            continue;
        }
        for (const std::string& second : names_in(top / first, rest_of(query.prefix, 2))) {
            if (first + second < query.after.substr(0, 4)) {
                continue;
            }
            for (const std::string& id : names_in(top / first / second, query.prefix)) {
                if (!is_object_id(id) || id <= query.after) {
                    continue;
                }
                if (page.objects.size() == query.limit) {
                    page.is_last = false;
                    return page;
                }
                if (Result<ObjectInfo> info = disk_object_info(id, path_of(id));
                    info) {  // Else just removed.
                    page.objects.push_back(std::move(*info));
                }
            }
        }
    }
    return page;
}

Result<void> DiskObjectStore::remove(std::string_view id) {
    if (!is_object_id(id)) {
        return not_an_id(id);
    }
    const std::filesystem::path path = path_of(id);
    if (::unlink(path.c_str()) != 0) {
        if (errno == ENOENT) {
            return {};
        }
        return Error{
            ErrorCode::kUnavailable, fmt::format("cannot remove {}: errno {}", path.string(), errno)
        };
    }
    ::unlink(sums_path_of(path).c_str());
    return sync_folder(path.parent_path());
}

}  // namespace capstan::objects
