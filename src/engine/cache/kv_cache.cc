#include "engine/cache/kv_cache.h"

#include <cstring>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"

namespace capstan::engine {

void BlockKvCache::Unmapped::operator()(std::byte* memory) const {
    ::munmap(memory, bytes);
}

BlockKvCache::BlockKvCache(const KvShape& shape, std::int64_t blocks, Memory memory)
    : shape_(shape), memory_(std::move(memory)), users_(static_cast<std::size_t>(blocks)) {
    free_.reserve(users_.size());
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
    // Not reserved from the system before it is touched, so that a large budget costs nothing until used.
    const auto size = static_cast<std::size_t>(blocks * shape.block_bytes());
    void* memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return Error{
            ErrorCode::kExhausted, fmt::format("no memory for a key/value cache of {} bytes", bytes)
        };
    }
    ::madvise(memory, size, MADV_HUGEPAGE);  // Advice: without it all works, with more misses of the TLB.
    return std::unique_ptr<BlockKvCache>(
        new BlockKvCache(shape, blocks, Memory(static_cast<std::byte*>(memory), {.bytes = size}))
    );
}

Result<void> BlockKvCache::check_fits(std::int64_t tokens) const {
    const std::int64_t wanted = kv_blocks_of(tokens);
    if (wanted > blocks_total()) {
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
    return {};
}

Result<KvSequence> BlockKvCache::reserve(std::int64_t tokens) {
    if (auto fits = check_fits(tokens); !fits) {
        return fits.error();
    }
    KvSequence sequence = empty();
    if (!grow(sequence, tokens)) {
        return Error{ErrorCode::kExhausted, "the key/value cache is full; sequences that run will free it"};
    }
    return sequence;
}

bool BlockKvCache::grow(KvSequence& sequence, std::int64_t tokens) {
    const std::int64_t missing = kv_blocks_of(tokens) - std::ssize(sequence.blocks);
    if (missing > blocks_free()) {
        return false;
    }
    for (std::int64_t i = 0; i < missing; ++i) {
        sequence.blocks.push_back(take());
    }
    return true;
}

bool BlockKvCache::make_own(KvSequence& sequence, std::int64_t index) {
    std::byte*& block = sequence.blocks[static_cast<std::size_t>(index)];
    if (users(block) == 1) {
        return true;
    }
    std::byte* copy = take();
    if (copy == nullptr) {
        return false;
    }
    std::memcpy(copy, block, static_cast<std::size_t>(shape_.block_bytes()));
    drop_user(block);
    block = copy;
    return true;
}

void BlockKvCache::release(KvSequence& sequence) {
    // From the end, so that the next sequence gets the blocks in their order.
    for (; !sequence.blocks.empty(); sequence.blocks.pop_back()) {
        drop_user(sequence.blocks.back());
    }
}

std::byte* BlockKvCache::take() {
    if (free_.empty()) {
        return nullptr;
    }
    std::byte* block = free_.back();
    free_.pop_back();
    users_[index_of(block)] = 1;
    return block;
}

void BlockKvCache::drop_user(std::byte* block) {
    std::int32_t& users = users_[index_of(block)];
    CHECK(users > 0, "a block is released once by each of its users");
    if (--users == 0) {
        free_.push_back(block);
    }
}

void BlockKvCache::release_free_memory() {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    for (std::byte* block : free_) {
        const auto begin = reinterpret_cast<std::uintptr_t>(block);
        const std::uintptr_t first = (begin + page - 1) / page * page;
        const std::uintptr_t end = (begin + static_cast<std::uintptr_t>(shape_.block_bytes())) / page * page;
        if (first < end) {  // Neighbours share the system's pages at the edges.
            ::madvise(block + (first - begin), end - first, MADV_DONTNEED);
        }
    }
}

}  // namespace capstan::engine
