#pragma once

// Blocks that the memory has no room for, in a file: what was evicted can come back, also after a restart.
//
// A block is named by a SHA-256 chained from the identity of the model through the tokens of all blocks up to
// it, so two texts or two models never meet. Slots are written in a ring: the oldest make room. The file is
// the engine's own (mode 0600): checksums find what was torn or damaged, which then counts as unknown; they
// do not protect from somebody who may write to the folder.
//
// Layout, little-endian: a header of kHeaderBytes, then slots of kRecordBytes and a block's bytes each.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "base/result.h"
#include "engine/cache/prefix_tree.h"

namespace capstan::engine {

using BlockKey = Sha256Digest;

// Of the block with these tokens behind the one of `parent`, or behind the model's identity.
BlockKey next_block_key(const BlockKey& parent, BlockTokens tokens);

// Used from one thread.
class PrefixStore {
public:
    struct Options {
        std::filesystem::path directory;
        std::int64_t bytes_max = 0;    // Of the file.
        std::int64_t block_bytes = 0;  // At least 1.
        Sha256Digest identity = {};    // Of the model and of all that its blocks' bits depend on.
    };

    static constexpr std::int64_t kHeaderBytes = 4096;
    static constexpr std::int64_t kRecordBytes = 128;

    // The model's file in the directory, both made when missing. A file that another engine uses is left
    // alone, and the next name taken. kInvalid for a damaged header, and for bytes that hold no block.
    static Result<std::unique_ptr<PrefixStore>> open(const Options& options);

    bool knows(const BlockKey& key) const { return slots_.contains(key); }

    // Keeps a copy. A full disk loses it, with a line in the log.
    void put(const BlockKey& key, BlockTokens tokens, std::span<const std::byte> block);

    // False, and forgotten, when it is not known or not whole any more.
    bool get(const BlockKey& key, BlockTokens tokens, std::span<std::byte> block);

    const BlockKey& root() const { return options_.identity; }

    std::int64_t blocks() const { return std::ssize(slots_); }

    std::int64_t blocks_max() const { return std::ssize(keys_); }

private:
    PrefixStore(Options options, std::filesystem::path path, FileDescriptor file);

    Result<void> load();

    std::int64_t offset_of(std::int64_t slot) const {
        return kHeaderBytes + slot * (kRecordBytes + options_.block_bytes);
    }

    Options options_;
    std::filesystem::path path_;
    FileDescriptor file_;
    std::map<BlockKey, std::int64_t> slots_;
    std::vector<const BlockKey*> keys_;  // Of each slot, in slots_; null for none.
    std::int64_t next_number_ = 0;       // Of the next write; its slot follows from it.
    bool has_failed_ = false;            // A write; said once.
};

}  // namespace capstan::engine
