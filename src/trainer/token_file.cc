#include "trainer/token_file.h"

#include <array>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

#include "base/hash.h"

namespace capstan::trainer {
namespace {

constexpr std::uint64_t kMagic = 0x314b'4f54'5350'4143ULL;  // "CAPSTOK1" in a little-endian file.

struct Header {
    std::uint64_t magic = kMagic;
    std::uint64_t fingerprint = 0;
    std::uint64_t kind = 0;
    std::uint64_t records = 0;
    std::uint64_t tokens = 0;
    std::uint64_t checksum = 0;
    std::uint64_t truncated = 0;
    std::uint64_t reserved = 0;
};

static_assert(sizeof(Header) == 64);

template <typename T>
std::string_view bytes_of_all(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

Error broken(const std::filesystem::path& path) {
    return {ErrorCode::kInvalid, fmt::format("{} is not a whole token file", path.string())};
}

}  // namespace

Result<TokenFile> TokenFile::open(const std::filesystem::path& path, std::uint64_t fingerprint) {
    auto mapped = MappedFile::open(path);
    if (!mapped) {
        return mapped.error();
    }
    TokenFile file(std::move(*mapped));
    std::string_view bytes = file.file_.bytes();
    Header header;
    if (bytes.size() < sizeof(header)) {
        return broken(path);
    }
    std::memcpy(&header, bytes.data(), sizeof(header));
    bytes.remove_prefix(sizeof(header));
    if (header.magic == kMagic && header.fingerprint != fingerprint) {
        return Error{ErrorCode::kConflict, fmt::format("{} is of other data", path.string())};
    }
    const bool fits =
        header.records <= bytes.size() / sizeof(std::uint64_t) &&
        header.tokens <= bytes.size() / sizeof(std::uint32_t) &&
        header.records * sizeof(std::uint64_t) + header.tokens * sizeof(std::uint32_t) == bytes.size();
    if (header.magic != kMagic || !fits || xxh3_64(bytes) != header.checksum) {
        return broken(path);
    }
    file.kind_ = static_cast<RecordKind>(header.kind);
    file.truncated_ = header.truncated;
    file.ends_ = {reinterpret_cast<const std::uint64_t*>(bytes.data()), header.records};
    bytes.remove_prefix(header.records * sizeof(std::uint64_t));
    file.tokens_ = {reinterpret_cast<const std::uint32_t*>(bytes.data()), header.tokens};
    std::uint64_t before = 0;
    for (const std::uint64_t end : file.ends_) {
        if (end < before || end > header.tokens) {
            return broken(path);
        }
        before = end;
    }
    return file;
}

Result<void> TokenFile::write(
    const std::filesystem::path& path, const TokenRecords& records, std::uint64_t fingerprint
) {
    Header header{
        .fingerprint = fingerprint,
        .kind = static_cast<std::uint64_t>(records.kind),
        .records = records.ends.size(),
        .tokens = records.tokens.size(),
        .truncated = records.truncated,
    };
    std::string bytes(sizeof(header), '\0');
    bytes.append(bytes_of_all(records.ends)).append(bytes_of_all(records.tokens));
    header.checksum = xxh3_64(std::string_view(bytes).substr(sizeof(header)));
    std::memcpy(bytes.data(), &header, sizeof(header));
    return replace_file(path, bytes);
}

std::span<const std::uint32_t> TokenFile::record(std::size_t index) const {
    const std::uint64_t begin = index == 0 ? 0 : ends_[index - 1];
    return tokens_.subspan(begin, ends_[index] - begin);
}

}  // namespace capstan::trainer
