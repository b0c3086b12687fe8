#include "platform/objects/chunk_sums.h"

#include <bit>
#include <cstring>

#include "base/hash.h"

namespace capstan::objects {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian, and so must we be");

constexpr std::string_view kMagic = "CAPSUMS1";
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kFooterBytes = 4;

template <typename Number>
void append(std::string& out, Number value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename Number>
Number number_at(std::string_view text, std::size_t at) {
    Number value{};
    std::memcpy(&value, text.data() + at, sizeof(value));
    return value;
}

}  // namespace

std::string encode_chunk_sums(const ChunkSums& sums) {
    std::string text(kMagic);
    append(text, sums.size_bytes);
    for (const std::uint64_t sum : sums.sums) {
        append(text, sum);
    }
    append(text, crc32c(text));
    return text;
}

Result<ChunkSums> decode_chunk_sums(std::string_view text) {
    const Error damaged{ErrorCode::kUnavailable, "the checksums are damaged"};
    if (text.size() < kHeaderBytes + kFooterBytes || !text.starts_with(kMagic) ||
        text.size() % 8 != kFooterBytes) {
        return damaged;
    }
    const std::string_view body = text.substr(0, text.size() - kFooterBytes);
    if (crc32c(body) != number_at<std::uint32_t>(text, body.size())) {
        return damaged;
    }
    ChunkSums sums{.size_bytes = number_at<std::uint64_t>(text, kMagic.size()), .sums = {}};
    for (std::size_t at = kHeaderBytes; at < body.size(); at += 8) {
        sums.sums.push_back(number_at<std::uint64_t>(text, at));
    }
    const std::uint64_t chunks = sums.size_bytes / kChunkBytes + (sums.size_bytes % kChunkBytes == 0 ? 0 : 1);
    if (sums.sums.size() != chunks) {
        return damaged;
    }
    return sums;
}

}  // namespace capstan::objects
