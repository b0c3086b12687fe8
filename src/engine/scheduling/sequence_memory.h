#pragma once

// The blocks of sequences: which are taken, shared, made known to others and given back.

#include <cstdint>
#include <memory>
#include <span>

#include "engine/cache/kv_cache.h"
#include "engine/cache/prefix_store.h"
#include "engine/cache/prefix_tree.h"
#include "engine/scheduling/sequence.h"

namespace capstan::engine {

struct SpillLimits {
    // Beside the cache, for what preempted sequences had in it; 0: it is computed again.
    std::int64_t bytes_max = std::int64_t{256} << 20;
    std::int64_t step_bytes = std::int64_t{32} << 20;  // Copied back, or read from a file, in one step.
};

// Used from the engine's thread only.
class SequenceMemory {
public:
    //   store  Keeps what is evicted, except for what adapters made; null: it is lost. Outlives it.
    SequenceMemory(BlockKvCache& cache, PrefixStore* store, const SpillLimits& spill);

    // Before each step: it may read or copy again as many blocks as a step has time for.
    void begin_step();

    // What computing a token of a prompt costs, of late; 0: not known.
    void set_compute_cost(double token_us) { spill_area_.set_compute_cost(token_us); }

    // Before the first row. Sequences that need logits of all of their prompt share nothing.
    void enter(Sequence& sequence);

    // Takes the blocks that are known for what comes next, its last token left out: that one must be computed
    // to know what follows. Counts them as computed.
    struct Followed {
        std::int64_t tokens = 0;  // In the blocks that it took.
        bool has_more = false;    // Which it may have in the next step.
    };

    Followed follow(Sequence& sequence);

    // Makes room for `tokens` positions, of which those from `computed` on can then be written. False, and
    // nothing taken, when the blocks of others would be needed.
    bool make_room(Sequence& sequence, std::int64_t tokens);

    // Makes known the blocks that the rows up to `end` will fill: others may follow, even in the same batch.
    void announce(Sequence& sequence, std::int64_t end);

    // After the batch: makes known what is full. What another has computed meanwhile is shared with it.
    void share_full_blocks(Sequence& sequence);

    // A second sequence that goes on from here.
    void fork(const Sequence& from, Sequence& to);

    // What it computed stays known until its memory is needed.
    void release(Sequence& sequence);

    // Blocks that a sequence which does not run must take to have all of its tokens and the next, and how
    // many could be taken.
    std::int64_t blocks_missing(const Sequence& sequence) const;
    std::int64_t blocks_available(const Sequence& sequence) const;

    // That could be taken by one that runs.
    std::int64_t blocks_available() const { return cache_.blocks_free() + tree_.blocks_evictable(); }

    // As `release`, for a sequence that will run again: what only it has is spilled, where that is worth it.
    void give_up(Sequence& sequence);

    // Where copying back what was spilled would get the sequence in this step; where it is if there is
    // nothing to copy now. What is of no use any more is dropped.
    std::int64_t spilled_end(Sequence& sequence) const;

    // Copies up to there, or a whole block before; there is room for it.
    void copy_back(Sequence& sequence, std::int64_t end);

    // Positions of the blocks of `running` that hold no token; those of a block that is shared count once.
    double positions_wasted(std::span<const std::unique_ptr<Sequence>> running) const;

    // Forgets what no sequence uses and gives that memory back to the system.
    void release_unused();

    std::int64_t blocks_restored() const { return restored_; }

    std::int64_t blocks_copied_back() const { return copied_back_; }

    std::int64_t bytes_spilled() const { return spill_area_.bytes_used(); }

    const BlockKvCache& cache() const { return cache_; }

    const PrefixTree& tree() const { return tree_; }

private:
    PrefixTree::Known known(const Sequence& sequence) const;
    bool is_stored(PrefixNode& node, BlockTokens tokens, BlockKey& key) const;
    std::byte* restore(PrefixPlace& place, BlockTokens tokens, const BlockKey& key);
    void save(PrefixNode& node) const;
    const BlockKey& key_of(PrefixNode& node) const;

    BlockKvCache& cache_;
    PrefixStore* store_;
    SpillLimits limits_;
    PrefixTree tree_;
    SpillArea spill_area_;
    std::int64_t restores_left_ = 0;  // In this step.
    std::int64_t restored_ = 0;       // Blocks, since the start.
    std::int64_t copied_back_ = 0;    // The same, of spilled ones.
};

}  // namespace capstan::engine
