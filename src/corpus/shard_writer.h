#pragma once

// Writes lines into files of bounded size with known contents: each is written under a temporary name, synced
// and renamed, so that what is there is whole.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/result.h"

namespace capstan::corpus {

struct Shard {
    std::string name;  // Of the file, within its folder.
    std::string sha256;
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
};

// Whether a file of that name was written under `prefix`.
bool belongs_to(std::string_view prefix, const Shard& shard);

Json to_json(const Shard& shard);
Result<Shard> shard_from(const Json& json);

class ShardWriter {
public:
    // Files are called PREFIX-00000.jsonl and so on. A line longer than `bytes_max` gets a shard of its own.
    ShardWriter(std::filesystem::path folder, std::string prefix, std::uint64_t bytes_max);

    // `line` without its newline.
    Result<void> add(std::string_view line);

    // Closes the last file. No lines: no files.
    Result<std::vector<Shard>> finish();

private:
    Result<void> open_next();
    Result<void> flush();
    Result<void> close_current();

    std::filesystem::path folder_;
    std::string prefix_;
    std::uint64_t bytes_max_;
    FileDescriptor fd_;
    std::filesystem::path temporary_;
    std::string buffer_;
    Sha256 hash_;
    Shard current_;
    std::vector<Shard> shards_;
};

}  // namespace capstan::corpus
