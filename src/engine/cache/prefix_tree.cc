#include "engine/cache/prefix_tree.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/check.h"
#include "base/hash.h"

namespace capstan::engine {
namespace {

std::uint64_t hash_of(const PrefixNode& parent, BlockTokens tokens) {
    const std::string_view bytes(reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes());
    return xxh64(bytes, parent.hash);
}

bool is_unused_leaf(const PrefixNode& node) {
    return node.parent != nullptr && node.holders == 0 && node.children == 0;
}

}  // namespace

PrefixTree::~PrefixTree() {
    evict_all();
    CHECK(nodes_.empty(), "sequences leave the tree before it goes");
}

PrefixPlace PrefixTree::enter(const AdapterIdentity& adapter) {
    if (!roots_.contains(adapter)) {
        drop_unused_roots();  // Of adapters that are gone.
    }
    auto& root = roots_[adapter];
    if (root == nullptr) {
        root = std::make_unique<PrefixNode>();
        root->is_base = !adapter.owner_before(AdapterIdentity{}) && !AdapterIdentity{}.owner_before(adapter);
        // By chance: nobody can make texts whose hashes are equal.
        std::memcpy(&root->hash, random_bytes(sizeof root->hash).data(), sizeof root->hash);
    }
    hold(*root);
    return {.node = root.get(), .blocks = 0};
}

PrefixNode* PrefixTree::child(const PrefixNode& parent, BlockTokens tokens) const {
    const auto [begin, end] = nodes_.equal_range(hash_of(parent, tokens));
    for (auto it = begin; it != end; ++it) {
        PrefixNode& node = *it->second;
        if (node.parent == &parent && std::ranges::equal(node.tokens, tokens)) {
            return &node;
        }
    }
    return nullptr;
}

std::byte* PrefixTree::follow(PrefixPlace& place, BlockTokens tokens) {
    PrefixNode* next = child(*place.node, tokens);
    if (next == nullptr) {
        return nullptr;
    }
    move_to(place, *next);
    cache_.add_user(next->block);
    return next->block;
}

std::byte* PrefixTree::insert(PrefixPlace& place, BlockTokens tokens, std::byte* block) {
    PrefixNode* next = child(*place.node, tokens);
    if (next == nullptr) {
        auto node = std::make_unique<PrefixNode>();
        node->parent = place.node;
        node->hash = hash_of(*place.node, tokens);
        node->block = block;
        node->is_base = place.node->is_base;
        std::ranges::copy(tokens, node->tokens.begin());
        cache_.add_user(block);
        ++place.node->children;
        next = node.get();
        nodes_.emplace(node->hash, std::move(node));
    }
    move_to(place, *next);
    return next->block;
}

PrefixPlace PrefixTree::copy(const PrefixPlace& place) {
    if (place.node != nullptr) {
        hold(*place.node);
    }
    return place;
}

void PrefixTree::leave(PrefixPlace& place) {
    if (place.node != nullptr) {
        let_go(*place.node);
        ++clock_;
    }
    place = {};
}

void PrefixTree::move_to(PrefixPlace& place, PrefixNode& node) {
    hold(node);
    let_go(*place.node);
    place.node = &node;
    ++place.blocks;
}

// A node that becomes held is held by its parent's count, up to the first that was held before.
void PrefixTree::hold(PrefixNode& node) {
    for (PrefixNode* at = &node; at != nullptr; at = at->parent) {
        if (++at->holders > 1) {
            return;
        }
        if (at->parent != nullptr) {
            ++blocks_held_;
            leaves_.erase(at);
        }
    }
}

void PrefixTree::let_go(PrefixNode& node) {
    for (PrefixNode* at = &node; at != nullptr; at = at->parent) {
        CHECK(at->holders > 0, "who leaves had come");
        if (--at->holders > 0) {
            return;
        }
        if (at->parent != nullptr) {
            --blocks_held_;
            at->last_used = clock_;
            if (is_unused_leaf(*at)) {
                leaves_.insert(at);
            }
        }
    }
}

bool PrefixTree::knows(const PrefixPlace& place, BlockTokens tokens) const {
    return child(*place.node, tokens) != nullptr;
}

PrefixTree::Known PrefixTree::find(const AdapterIdentity& adapter, std::span<const llm::TokenId> tokens)
    const {
    Known known;
    const auto root = roots_.find(adapter);
    const PrefixNode* node = root == roots_.end() ? nullptr : root->second.get();
    for (; node != nullptr && std::ssize(tokens) >= kKvBlockTokens; tokens = tokens.subspan(kKvBlockTokens)) {
        node = child(*node, tokens.first<kKvBlockTokens>());
        if (node != nullptr) {
            ++known.blocks;
            known.evictable += node->holders == 0 ? 1 : 0;
        }
    }
    return known;
}

bool PrefixTree::make_room(std::int64_t blocks) {
    while (cache_.blocks_free() < blocks && !leaves_.empty()) {
        evict(**leaves_.begin());
    }
    return cache_.blocks_free() >= blocks;
}

void PrefixTree::evict_all() {
    while (!leaves_.empty()) {
        evict(**leaves_.begin());
    }
    drop_unused_roots();
}

void PrefixTree::drop_unused_roots() {
    std::erase_if(roots_, [](const auto& entry) {
        return entry.second != nullptr && entry.second->holders == 0 && entry.second->children == 0;
    });
}

void PrefixTree::evict(PrefixNode& node) {
    if (on_evict_) {
        on_evict_(node);
    }
    leaves_.erase(&node);
    cache_.drop_user(node.block);
    PrefixNode& parent = *node.parent;
    --parent.children;
    if (is_unused_leaf(parent)) {
        leaves_.insert(&parent);
    }
    const auto [begin, end] = nodes_.equal_range(node.hash);
    nodes_.erase(std::find_if(begin, end, [&](const auto& entry) { return entry.second.get() == &node; }));
}

}  // namespace capstan::engine
