#pragma once

// Memory for the keys and values of sequences that are being computed, within one budget.
//
// `KvCache` is the seam: the scheduler reserves and releases, the model reads views of blocks. A cache that
// shares blocks between sequences, or hands them out as a sequence grows, implements the same interface.

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

    std::int64_t tokens_max() const { return static_cast<std::int64_t>(blocks.size()) * kKvBlockTokens; }

    KvView layer(std::int64_t index) const {
        return KvView{
            .blocks = blocks.data(),
            .layer_offset = index * shape.layer_bytes(),
            .kv_heads = shape.kv_heads,
            .head_dim = shape.head_dim,
        };
    }
};

// Used from the engine's thread only.
class KvCache {
public:
    virtual ~KvCache() = default;

    // Room for `tokens` positions. kExhausted when there is not enough now, kInvalid when there never will
    // be.
    virtual Result<KvSequence> reserve(std::int64_t tokens) = 0;
    virtual void release(KvSequence& sequence) = 0;

    virtual std::int64_t bytes_total() const = 0;
    virtual std::int64_t bytes_used() const = 0;
};

// Blocks of one size in one piece of memory, which the system provides as it is touched.
class BlockKvCache : public KvCache {
public:
    // kInvalid when the budget does not hold one block.
    static Result<std::unique_ptr<BlockKvCache>> build(const KvShape& shape, std::int64_t bytes);

    Result<KvSequence> reserve(std::int64_t tokens) override;
    void release(KvSequence& sequence) override;

    std::int64_t bytes_total() const override { return blocks_ * shape_.block_bytes(); }

    std::int64_t bytes_used() const override {
        return (blocks_ - static_cast<std::int64_t>(free_.size())) * shape_.block_bytes();
    }

private:
    struct Freed {
        void operator()(std::byte* memory) const;
    };

    BlockKvCache(const KvShape& shape, std::int64_t blocks, std::unique_ptr<std::byte, Freed> memory);

    KvShape shape_;
    std::int64_t blocks_;
    std::unique_ptr<std::byte, Freed> memory_;
    std::vector<std::byte*> free_;
};

}  // namespace capstan::engine
