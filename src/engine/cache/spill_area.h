#pragma once

// Memory beside the key/value cache, in which the blocks of preempted sequences wait, so that they are copied
// back and not computed again. It is bounded, and taken from the system only while it is used.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace capstan::engine {

class SpillArea;

// Copies of consecutive blocks of one sequence. Its memory is free again when it goes.
class SpilledBlocks {
public:
    ~SpilledBlocks();
    SpilledBlocks(const SpilledBlocks&) = delete;
    SpilledBlocks& operator=(const SpilledBlocks&) = delete;

    // Of what is here: the first block's index in the sequence, and the positions that the sequence had
    // computed, from its beginning.
    std::int64_t first_block() const { return first_block_; }

    std::int64_t tokens() const { return tokens_; }

    // Copies block `index` of the sequence.
    void copy_to(std::int64_t index, std::byte* block) const;

private:
    friend class SpillArea;
    SpilledBlocks(SpillArea& area, std::int64_t blocks);

    SpillArea& area_;
    std::int64_t blocks_;
    std::int64_t first_block_ = 0;
    std::int64_t tokens_ = 0;
    std::unique_ptr<std::byte[]> memory_;
};

// Outlives what was put into it. Used from the engine's thread only.
class SpillArea {
public:
    SpillArea(std::int64_t block_bytes, std::int64_t bytes_max)
        : block_bytes_(block_bytes), bytes_max_(bytes_max) {}

    // What computing a token of a prompt costs, of late; 0: not known.
    void set_compute_cost(double token_us) { token_us_ = token_us; }

    // What copying a block costs. `put` measures it; until then 4 GB/s are assumed.
    void set_copy_cost(double block_us) { block_us_ = block_us; }

    // Copying so many blocks out and back is cheaper than computing so many tokens.
    bool is_worth(std::int64_t blocks, std::int64_t tokens) const;

    struct Blocks {
        std::span<std::byte* const> blocks;
        std::int64_t first_block = 0;
        std::int64_t tokens = 0;  // Computed, from the sequence's beginning.
    };

    // Null when there is no room for all.
    std::unique_ptr<SpilledBlocks> put(const Blocks& from);

    std::int64_t bytes_used() const { return bytes_used_; }

private:
    friend class SpilledBlocks;

    std::int64_t block_bytes_;
    std::int64_t bytes_max_;
    std::int64_t bytes_used_ = 0;
    double token_us_ = 0;
    double block_us_ = 0;  // 0: not measured yet.
};

}  // namespace capstan::engine
