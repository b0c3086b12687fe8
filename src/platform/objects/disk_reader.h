#pragma once

// Reads an object of a folder chunk by chunk, and hands out no byte that it has not verified.

#include <filesystem>
#include <memory>

#include "platform/objects/object_store.h"

namespace capstan::objects {

// `path` is the object's file; its checksums are beside it (sums_path_of) when it is larger than a chunk.
Result<std::unique_ptr<ObjectReader>> open_disk_reader(
    std::string_view id, const std::filesystem::path& path, ByteRange range
);

std::filesystem::path sums_path_of(const std::filesystem::path& object);

// What the file system knows of the object. kNotFound, naming it.
Result<ObjectInfo> disk_object_info(std::string_view id, const std::filesystem::path& path);

}  // namespace capstan::objects
