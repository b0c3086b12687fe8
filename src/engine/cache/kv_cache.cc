#include "engine/cache/kv_cache.h"

#include <cstdlib>

#include <fmt/format.h>

#include "base/check.h"

namespace capstan::engine {

void BlockKvCache::Freed::operator()(std::byte* memory) const {
    std::free(memory);
}

BlockKvCache::BlockKvCache(
    const KvShape& shape, std::int64_t blocks, std::unique_ptr<std::byte, Freed> memory
)
    : shape_(shape), blocks_(blocks), memory_(std::move(memory)) {
    free_.reserve(static_cast<std::size_t>(blocks));
    for (std::int64_t block = blocks; block > 0; --block) {
        free_.push_back(memory_.get() + (block - 1) * shape_.block_bytes());
    }
}

Result<std::unique_ptr<BlockKvCache>> BlockKvCache::build(const KvShape& shape, std::int64_t bytes) {
    const std::int64_t blocks = bytes / shape.block_bytes();
    if (blocks < 1) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "a key/value cache of {} bytes holds not one block of {} tokens, which needs {}",
                bytes,
                kKvBlockTokens,
                shape.block_bytes()
            )
        };
    }
    // calloc: zeroed without being touched, so that memory is taken only when it is used.
    void* memory =
        std::calloc(static_cast<std::size_t>(blocks), static_cast<std::size_t>(shape.block_bytes()));
    if (memory == nullptr) {
        return Error{
            ErrorCode::kExhausted, fmt::format("no memory for a key/value cache of {} bytes", bytes)
        };
    }
    return std::unique_ptr<BlockKvCache>(
        new BlockKvCache(shape, blocks, std::unique_ptr<std::byte, Freed>(static_cast<std::byte*>(memory)))
    );
}

Result<KvSequence> BlockKvCache::reserve(std::int64_t tokens) {
    const std::int64_t wanted = (tokens + kKvBlockTokens - 1) / kKvBlockTokens;
    if (wanted > blocks_) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "{} tokens need {} bytes of key/value cache and there are {} in all: ask for fewer tokens or "
                "start the engine with a larger cache",
                tokens,
                wanted * shape_.block_bytes(),
                bytes_total()
            )
        };
    }
    if (wanted > static_cast<std::int64_t>(free_.size())) {
        return Error{ErrorCode::kExhausted, "the key/value cache is full; sequences that run will free it"};
    }
    KvSequence sequence = {.shape = shape_, .blocks = {}};
    sequence.blocks.assign(free_.end() - wanted, free_.end());
    free_.resize(free_.size() - static_cast<std::size_t>(wanted));
    return sequence;
}

void BlockKvCache::release(KvSequence& sequence) {
    free_.insert(free_.end(), sequence.blocks.begin(), sequence.blocks.end());
    CHECK(std::cmp_less_equal(free_.size(), blocks_), "a block is released once");
    sequence.blocks.clear();
}

}  // namespace capstan::engine
