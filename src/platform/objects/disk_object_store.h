#pragma once

// Objects in a folder: FOLDER/sha256/ab/cd/abcd…, written under FOLDER/incoming and renamed when they are
// whole and on the disk. Larger ones have their chunks' checksums beside them (chunk_sums.h).
//
// Several processes may use one folder.

#include <array>
#include <filesystem>
#include <memory>
#include <mutex>

#include "platform/objects/object_store.h"

namespace capstan::objects {

struct DiskObjectStoreOptions {
    std::filesystem::path folder;
    std::uint64_t object_bytes_max = std::uint64_t{256} << 30;
};

class DiskObjectStore final : public ObjectStore {
public:
    // Creates the folder when missing, and removes what writers that died have left under incoming.
    static Result<std::unique_ptr<DiskObjectStore>> open_folder(const DiskObjectStoreOptions& options);

    Result<std::unique_ptr<ObjectWriter>> begin() override;
    Result<std::unique_ptr<ObjectReader>> open(std::string_view id, ByteRange range) override;
    Result<ObjectInfo> stat(std::string_view id) override;
    Result<ObjectPage> list(const ListQuery& query) override;
    Result<void> remove(std::string_view id) override;
    Result<ObjectInfo> put(std::string_view bytes) override;

private:
    friend class DiskObjectWriter;

    explicit DiskObjectStore(DiskObjectStoreOptions options) : options_(std::move(options)) {}

    std::filesystem::path incoming() const { return options_.folder / "incoming"; }

    std::filesystem::path path_of(std::string_view id) const;

    // Makes the folder of `id`, such that it survives power loss.
    Result<void> make_folder_of(std::string_view id);
    Result<void> remove_abandoned() const;

    const DiskObjectStoreOptions options_;
    std::mutex mutex_;
    std::array<bool, 65'536> is_folder_synced_{
    };  // By mutex_. By the first four digits: known to be on the disk.
};

}  // namespace capstan::objects
