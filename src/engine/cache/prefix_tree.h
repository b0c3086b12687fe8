#pragma once

// Which full blocks of keys and values are known already, by the tokens that they were computed from: prompts
// that begin alike are computed once.
//
// A node is one full block: its tokens, below the node of the block before it. The root of a chain is an
// adapter (or none). Nodes are found by a hash chained from the root, and then compared: parent and tokens
// must be equal, so two texts, or two adapters, never share by accident. A node that no sequence stands on or
// behind can be evicted, the least recently used first and leaves before their parents.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "engine/cache/kv_cache.h"
#include "llm/message.h"

namespace capstan::engine {

using BlockTokens = std::span<const llm::TokenId, kKvBlockTokens>;

// Identity of an adapter: of the object, never of its name or address. Empty for the base alone.
using AdapterIdentity = std::weak_ptr<const void>;

struct PrefixNode {
    PrefixNode* parent = nullptr;  // Null for a root.
    std::uint64_t hash = 0;
    std::byte* block = nullptr;  // The tree is one of its users; null for a root.
    std::array<llm::TokenId, kKvBlockTokens> tokens = {};
    std::int64_t children = 0;
    std::int64_t holders = 0;    // Sequences that stand here, and children that have holders.
    std::int64_t last_used = 0;  // On the tree's clock.
    Sha256Digest key = {};       // Its name in a file (prefix_store.h), made when it is needed.
    bool has_key = false;
    bool is_base = true;  // No adapter changed what is in the block.
};

// How far into the tree a sequence has come. It holds the node, and with it all before.
struct PrefixPlace {
    PrefixNode* node = nullptr;  // Null: outside, nothing is shared.
    std::int64_t blocks = 0;
};

// Used from the engine's thread only.
class PrefixTree {
public:
    explicit PrefixTree(BlockKvCache& cache) : cache_(cache) {}

    ~PrefixTree();
    PrefixTree(const PrefixTree&) = delete;
    PrefixTree& operator=(const PrefixTree&) = delete;

    // At the root.
    PrefixPlace enter(const AdapterIdentity& adapter);

    // Moves on when the next block is known and returns it, else null. The caller becomes a user of it.
    std::byte* follow(PrefixPlace& place, BlockTokens tokens);

    // Moves on to the next block, which is `block` if none was known before. Returns what the tree knows.
    std::byte* insert(PrefixPlace& place, BlockTokens tokens, std::byte* block);

    bool knows(const PrefixPlace& place, BlockTokens tokens) const;

    // A second holder of the same place.
    PrefixPlace copy(const PrefixPlace& place);

    void leave(PrefixPlace& place);

    // What a new sequence would find.
    struct Known {
        std::int64_t blocks = 0;
        std::int64_t evictable = 0;  // Of them.
    };

    Known find(const AdapterIdentity& adapter, std::span<const llm::TokenId> tokens) const;

    // Makes `blocks` blocks free in the cache, if it can: evicts what nobody holds.
    bool make_room(std::int64_t blocks);

    void evict_all();

    // Called with each block that is evicted, while it is still there.
    using OnEvict = std::function<void(PrefixNode& node)>;

    void on_evict(OnEvict on_evict) { on_evict_ = std::move(on_evict); }

    std::int64_t blocks() const { return std::ssize(nodes_); }

    std::int64_t blocks_evictable() const { return blocks() - blocks_held_; }

private:
    struct Older {
        bool operator()(const PrefixNode* a, const PrefixNode* b) const {
            return a->last_used != b->last_used ? a->last_used < b->last_used : a < b;
        }
    };

    PrefixNode* child(const PrefixNode& parent, BlockTokens tokens) const;
    void move_to(PrefixPlace& place, PrefixNode& node);
    void hold(PrefixNode& node);
    void let_go(PrefixNode& node);
    void evict(PrefixNode& node);
    void drop_unused_roots();

    BlockKvCache& cache_;
    OnEvict on_evict_;
    // Ordered by ownership, so that an entry outlives its adapter and is never taken for another at the same
    // address.
    std::map<AdapterIdentity, std::unique_ptr<PrefixNode>, std::owner_less<AdapterIdentity>> roots_;
    std::unordered_multimap<std::uint64_t, std::unique_ptr<PrefixNode>> nodes_;  // By hash.
    std::set<PrefixNode*, Older> leaves_;                                        // That nobody holds.
    std::int64_t blocks_held_ = 0;
    std::int64_t clock_ = 0;
};

}  // namespace capstan::engine
