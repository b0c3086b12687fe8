#pragma once

// Memory for the keys and values of sequences: blocks (pages) of one size within one budget, handed out as a
// sequence grows, counted, and copied when a shared one is written.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "engine/kernels/kv_layout.h"

namespace capstan::engine {

// The blocks of one sequence, in the order of its positions; the cache owns them.
struct KvSequence {
    KvShape shape;
    std::vector<std::byte*> blocks;

    std::int64_t tokens_max() const { return std::ssize(blocks) * kKvBlockTokens; }

    KvView layer(std::int64_t index) const {
        return KvView{
            .blocks = blocks.data(),
            .layer_offset = index * shape.layer_bytes(),
            .kv_heads = shape.kv_heads,
            .head_dim = shape.head_dim,
            .type = shape.type,
        };
    }
};

inline std::int64_t kv_blocks_of(std::int64_t tokens) {
    return (tokens + kKvBlockTokens - 1) / kKvBlockTokens;
}

// One piece of memory, which the system provides as it is touched. Used from the engine's thread only.
class BlockKvCache {
public:
    // kInvalid when the budget does not hold one block.
    static Result<std::unique_ptr<BlockKvCache>> build(const KvShape& shape, std::int64_t bytes);

    KvSequence empty() const { return {.shape = shape_, .blocks = {}}; }

    // Room for `tokens` positions at once. kExhausted when there is not enough now, kInvalid when there never
    // will be.
    Result<KvSequence> reserve(std::int64_t tokens);

    // kInvalid when `tokens` positions would not fit if nothing else were here.
    Result<void> check_fits(std::int64_t tokens) const;

    // Appends blocks until `tokens` positions have room. False, and nothing taken, when too few are free.
    bool grow(KvSequence& sequence, std::int64_t tokens);

    // Gives the sequence a block of its own in place of a shared one: a copy. False when none is free.
    bool make_own(KvSequence& sequence, std::int64_t index);

    void release(KvSequence& sequence);

    // A block that belongs to no sequence yet, with one user; null when none is free.
    std::byte* take();

    void add_user(std::byte* block) { ++users_[index_of(block)]; }

    // The last user's leaving frees the block.
    void drop_user(std::byte* block);

    std::int64_t users(const std::byte* block) const { return users_[index_of(block)]; }

    // Gives the memory of free blocks back to the system, until they are touched again.
    void release_free_memory();

    const KvShape& shape() const { return shape_; }

    std::int64_t blocks_total() const { return std::ssize(users_); }

    std::int64_t blocks_free() const { return std::ssize(free_); }

    std::int64_t bytes_total() const { return blocks_total() * shape_.block_bytes(); }

    std::int64_t bytes_used() const { return (blocks_total() - blocks_free()) * shape_.block_bytes(); }

private:
    struct Unmapped {
        std::size_t bytes = 0;
        void operator()(std::byte* memory) const;
    };

    using Memory = std::unique_ptr<std::byte, Unmapped>;

    BlockKvCache(const KvShape& shape, std::int64_t blocks, Memory memory);

    std::size_t index_of(const std::byte* block) const {
        return static_cast<std::size_t>((block - memory_.get()) / shape_.block_bytes());
    }

    KvShape shape_;
    Memory memory_;
    std::vector<std::int32_t> users_;  // Of each block; 0: free.
    std::vector<std::byte*> free_;     // The last is taken next.
};

}  // namespace capstan::engine
