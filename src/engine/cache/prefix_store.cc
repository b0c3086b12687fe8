#include "engine/cache/prefix_store.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"

namespace capstan::engine {
namespace {

constexpr std::string_view kMagic = "CAPSKV01";
constexpr int kNamesMax = 64;  // Engines with one model and one folder.

struct Header {
    char magic[8] = {};
    std::int64_t block_tokens = 0;
    std::int64_t block_bytes = 0;
    Sha256Digest identity = {};
    std::uint32_t checksum = 0;  // CRC-32C of what is before it.
    std::uint32_t unused = 0;
};

struct Record {
    BlockKey key = {};
    std::array<llm::TokenId, kKvBlockTokens> tokens = {};
    std::int64_t number = 0;           // Grows with each write: the ring goes on behind the largest.
    std::uint32_t block_checksum = 0;  // CRC-32C.
    std::uint32_t checksum = 0;        // Of the record before it.
};

static_assert(std::has_unique_object_representations_v<Header>, "no padding is written");
static_assert(std::has_unique_object_representations_v<Record>, "no padding is written");
static_assert(sizeof(Record) <= PrefixStore::kRecordBytes);

template <typename T>
std::string_view bytes_of(const T& value, std::size_t size = sizeof(T)) {
    return {reinterpret_cast<const char*>(&value), size};
}

std::uint32_t checksum_of(const Header& header) {
    return crc32c(bytes_of(header, offsetof(Header, checksum)));
}

std::uint32_t checksum_of(const Record& record) {
    return crc32c(bytes_of(record, offsetof(Record, checksum)));
}

std::uint32_t checksum_of(std::span<const std::byte> block) {
    return crc32c({reinterpret_cast<const char*>(block.data()), block.size()});
}

bool read_at(int fd, std::int64_t offset, std::span<std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t got = ::pread(fd, bytes.data(), bytes.size(), offset);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        if (got > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(got));
            offset += got;
        }
    }
    return true;
}

bool write_at(int fd, std::int64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), offset);
        if (put < 0 && errno != EINTR) {
            return false;
        }
        if (put > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(put));
            offset += put;
        }
    }
    return true;
}

template <typename T>
std::span<std::byte> writable(T& value) {
    return std::as_writable_bytes(std::span(&value, 1));
}

// The first file with the model's name that no other engine holds.
Result<std::pair<std::filesystem::path, FileDescriptor>> claim_file(const PrefixStore::Options& options) {
    const std::string name = to_hex(std::span(options.identity).first(8));
    for (int i = 0; i < kNamesMax; ++i) {
        const auto path = options.directory / fmt::format("{}-{}.kv", name, i);
        auto file = open_file(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (!file) {
            return file.error();
        }
        if (::flock(file->get(), LOCK_EX | LOCK_NB) == 0) {
            return std::pair(path, std::move(*file));
        }
    }
    return Error{
        ErrorCode::kExhausted,
        fmt::format(
            "{} engines use the prefix cache '{}': give this one another folder",
            kNamesMax,
            options.directory.string()
        )
    };
}

}  // namespace

BlockKey next_block_key(const BlockKey& parent, BlockTokens tokens) {
    std::array<char, sizeof(BlockKey) + kKvBlockTokens * sizeof(llm::TokenId)> text;
    std::memcpy(text.data(), parent.data(), parent.size());
    std::memcpy(text.data() + parent.size(), tokens.data(), tokens.size_bytes());
    return sha256({text.data(), text.size()});
}

PrefixStore::PrefixStore(Options options, std::filesystem::path path, FileDescriptor file)
    : options_(std::move(options)), path_(std::move(path)), file_(std::move(file)) {}

Result<std::unique_ptr<PrefixStore>> PrefixStore::open(const Options& options) {
    CHECK(options.block_bytes > 0, "a block has bytes");
    const std::int64_t slots = (options.bytes_max - kHeaderBytes) / (kRecordBytes + options.block_bytes);
    if (options.bytes_max < kHeaderBytes || slots < 1) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "a prefix cache of {} bytes holds not one block of {} bytes; give it more",
                options.bytes_max,
                options.block_bytes
            )
        };
    }
    if (auto made = create_folders(options.directory); !made) {
        return made.error();
    }
    auto claimed = claim_file(options);
    if (!claimed) {
        return claimed.error();
    }
    std::unique_ptr<PrefixStore> store(
        new PrefixStore(options, std::move(claimed->first), std::move(claimed->second))
    );
    store->keys_.resize(static_cast<std::size_t>(slots));
    if (auto good = store->load(); !good) {
        return good.error();
    }
    return store;
}

Result<void> PrefixStore::load() {
    Header expected = {
        .block_tokens = kKvBlockTokens, .block_bytes = options_.block_bytes, .identity = options_.identity
    };
    std::ranges::copy(kMagic, expected.magic);
    expected.checksum = checksum_of(expected);
    struct stat status = {};
    ::fstat(file_.get(), &status);
    if (status.st_size == 0) {
        if (!write_at(file_.get(), 0, std::as_bytes(std::span(&expected, 1)))) {
            return Error{
                ErrorCode::kExhausted, fmt::format("the prefix cache '{}' cannot be written", path_.string())
            };
        }
        return {};
    }
    Header header;
    if (!read_at(file_.get(), 0, writable(header)) || bytes_of(header) != bytes_of(expected)) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "'{}' is not this model's prefix cache, or is damaged: delete it to start anew",
                path_.string()
            )
        };
    }
    std::int64_t latest = -1;
    for (std::int64_t slot = 0; slot < blocks_max() && offset_of(slot) < status.st_size; ++slot) {
        Record record;
        if (read_at(file_.get(), offset_of(slot), writable(record)) &&
            record.checksum == checksum_of(record) && record.number >= 0) {
            const auto [entry, is_new] = slots_.insert({record.key, slot});
            keys_[static_cast<std::size_t>(slot)] = is_new ? &entry->first : nullptr;
            latest = std::max(latest, record.number);
        }
    }
    next_number_ = latest < INT64_MAX ? latest + 1 : 0;
    return {};
}

void PrefixStore::put(const BlockKey& key, BlockTokens tokens, std::span<const std::byte> block) {
    CHECK(std::cmp_equal(block.size(), options_.block_bytes), "a block of this model");
    if (knows(key)) {
        return;
    }
    const std::int64_t number = next_number_++;
    const std::int64_t slot = number % blocks_max();
    const BlockKey*& old = keys_[static_cast<std::size_t>(slot)];
    if (old != nullptr) {
        slots_.erase(slots_.find(*old));
        old = nullptr;
    }
    Record record = {.key = key, .number = number, .block_checksum = checksum_of(block)};
    std::ranges::copy(tokens, record.tokens.begin());
    record.checksum = checksum_of(record);
    // A torn write leaves checksums that do not fit.
    const bool is_written = write_at(file_.get(), offset_of(slot), std::as_bytes(std::span(&record, 1))) &&
                            write_at(file_.get(), offset_of(slot) + kRecordBytes, block);
    if (is_written) {
        old = &slots_.insert({key, slot}).first->first;
    } else if (!std::exchange(has_failed_, true)) {
        log_warning("the prefix cache cannot be written; blocks are lost", {{"path", path_.string()}});
    }
}

bool PrefixStore::get(const BlockKey& key, BlockTokens tokens, std::span<std::byte> block) {
    const auto found = slots_.find(key);
    if (found == slots_.end()) {
        return false;
    }
    const std::int64_t slot = found->second;
    Record record;
    const bool is_whole = read_at(file_.get(), offset_of(slot), writable(record)) &&
                          record.checksum == checksum_of(record) && record.key == key &&
                          std::ranges::equal(record.tokens, tokens) &&
                          read_at(file_.get(), offset_of(slot) + kRecordBytes, block) &&
                          record.block_checksum == checksum_of(std::span<const std::byte>(block));
    if (!is_whole) {
        keys_[static_cast<std::size_t>(slot)] = nullptr;
        slots_.erase(found);
    }
    return is_whole;
}

}  // namespace capstan::engine
