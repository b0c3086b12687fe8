#pragma once

// The checksums of an object's parts, kept in a small file beside it, so that any part can be verified
// without reading the whole.
//
// Layout, little-endian: "CAPSUMS1", u64 size of the object, u64 XXH3 of each 1 MiB, u32 CRC-32C of all
// before. They find damage by disks; that the content is the right one is proved by its SHA-256.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace capstan::objects {

inline constexpr std::uint64_t kChunkBytes = std::uint64_t{1} << 20;

struct ChunkSums {
    std::uint64_t size_bytes = 0;
    std::vector<std::uint64_t> sums;
};

std::string encode_chunk_sums(const ChunkSums& sums);

// kUnavailable when the text is damaged.
Result<ChunkSums> decode_chunk_sums(std::string_view text);

}  // namespace capstan::objects
