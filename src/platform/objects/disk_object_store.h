#pragma once

// Objects in a folder: FOLDER/sha256/ab/cd/abcd…, written under FOLDER/incoming and renamed when they are
// whole and on the disk. Larger ones have their chunks' checksums beside them (chunk_sums.h).
//
// Several processes may use one folder.

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>

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
    static Result<void> make_folder(const std::filesystem::path& folder, std::atomic<bool>& is_synced);
    Result<void> remove_abandoned() const;

    const DiskObjectStoreOptions options_;
    // By the first two and the first four digits: the folder is known to be on the disk.
    std::array<std::atomic<bool>, 256> is_first_synced_{};
    std::array<std::atomic<bool>, 65'536> is_second_synced_{};
};

}  // namespace capstan::objects
