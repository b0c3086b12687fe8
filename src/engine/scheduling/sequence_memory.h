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

// Used from the engine's thread only.
class SequenceMemory {
public:
    //   store  Keeps what is evicted, except for what adapters made; null: it is lost. Outlives it.
    SequenceMemory(BlockKvCache& cache, PrefixStore* store);

    // Before each step: it may read again as many blocks as a step has time for.
    void begin_step();

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

    // Positions of the blocks of `running` that hold no token; those of a block that is shared count once.
    double positions_wasted(std::span<const std::unique_ptr<Sequence>> running) const;

    // Forgets what no sequence uses and gives that memory back to the system.
    void release_unused();

    std::int64_t blocks_restored() const { return restored_; }

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
    PrefixTree tree_;
    std::int64_t restores_left_ = 0;  // In this step.
    std::int64_t restored_ = 0;       // Blocks, since the start.
};

}  // namespace capstan::engine
