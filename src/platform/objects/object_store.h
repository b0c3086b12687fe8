#pragma once

// Content-addressed objects: whatever is large and does not change. An object's name is the SHA-256 of its
// bytes.
//
// Names that people choose live in SQL and point here; so there are no mutable references in this store. The
// interface fits a folder on disk and a bucket of S3. Blocking; thread-safe, except writers and readers,
// which belong to one thread at a time.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace capstan::objects {

struct ObjectInfo {
    std::string id;  // SHA-256 of the content, 64 lower-case hexadecimal digits.
    std::uint64_t size_bytes = 0;
    std::int64_t stored_ms = 0;  // When it was put last.
};

// Bytes from `offset` on; what lies behind the object's end is left out.
struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t length = std::numeric_limits<std::uint64_t>::max();
};

struct ListQuery {
    std::string prefix;  // Of the id.
    std::string after;   // The id that the page before ended with; empty for the first page.
    std::size_t limit = 1'000;
};

struct ObjectPage {
    std::vector<ObjectInfo> objects;  // By id.
    bool is_last = true;
};

// An object that is being written. Destroyed without `finish`, it leaves nothing.
class ObjectWriter {
public:
    virtual ~ObjectWriter() = default;
    // kTooLarge over the store's limit, kExhausted on a full disk. After an error the writer is of no use.
    virtual Result<void> write(std::string_view bytes) = 0;
    // Once. When it returns, the object survives power loss.
    virtual Result<ObjectInfo> finish() = 0;
};

// An object that is being read, in parts that were verified before they are handed out.
class ObjectReader {
public:
    virtual ~ObjectReader() = default;
    // The next bytes, at most 1 MiB; empty at the end. Valid until the next call. kUnavailable, naming the
    // object, when its content is damaged.
    virtual Result<std::string_view> next() = 0;
    virtual const ObjectInfo& info() const = 0;
};

class ObjectStore {
public:
    virtual ~ObjectStore() = default;

    // Any id that is not 64 lower-case hexadecimal digits is kInvalid; one that is not stored is kNotFound.
    virtual Result<std::unique_ptr<ObjectWriter>> begin() = 0;
    virtual Result<std::unique_ptr<ObjectReader>> open(std::string_view id, ByteRange range) = 0;
    virtual Result<ObjectInfo> stat(std::string_view id) = 0;
    virtual Result<ObjectPage> list(const ListQuery& query) = 0;

    // Nothing there is no error. Putting the same content again renews `stored_ms`: who collects garbage must
    // leave alone what was stored after it began to look for references.
    virtual Result<void> remove(std::string_view id) = 0;

    // The whole of `bytes`; cheaper than `begin` when the object is there already.
    virtual Result<ObjectInfo> put(std::string_view bytes);

    Result<ObjectInfo> put_file(const std::filesystem::path& path);
    Result<bool> exists(std::string_view id);
    // kTooLarge, before anything is read, when the object is over `bytes_max`.
    Result<std::string> get(std::string_view id, std::uint64_t bytes_max = std::uint64_t{1} << 30);
    // Replaces `path` by the object; after an error it is as it was. The file survives power loss.
    Result<void> get_file(std::string_view id, const std::filesystem::path& path);
};

// Whether `id` has the form of one.
bool is_object_id(std::string_view id);

}  // namespace capstan::objects
