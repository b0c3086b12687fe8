#include "engine/scheduling/sequence_memory.h"

#include <algorithm>
#include <ranges>
#include <vector>

#include "base/check.h"

namespace capstan::engine {
namespace {

// The tokens of block `index`, all of them known.
BlockTokens block_tokens(const Sequence& sequence, std::int64_t index) {
    return std::span(sequence.tokens)
        .subspan(static_cast<std::size_t>(index * kKvBlockTokens))
        .first<kKvBlockTokens>();
}

}  // namespace

SequenceMemory::SequenceMemory(BlockKvCache& cache, PrefixStore* store, const SpillLimits& spill)
    : cache_(cache),
      store_(store),
      limits_(spill),
      tree_(cache),
      spill_area_(cache.shape().block_bytes(), spill.bytes_max) {
    if (store_ != nullptr) {
        tree_.on_evict([this](PrefixNode& node) { save(node); });
    }
}

void SequenceMemory::begin_step() {
    restores_left_ = std::max<std::int64_t>(1, limits_.step_bytes / cache_.shape().block_bytes());
}

void SequenceMemory::enter(Sequence& sequence) {
    CHECK(sequence.kv.blocks.empty(), "a sequence enters once");
    sequence.kv = cache_.empty();
    sequence.kv.blocks.reserve(static_cast<std::size_t>(kv_blocks_of(sequence.kv_tokens())));
    if (!sequence.needs_all_rows()) {
        sequence.place = tree_.enter(sequence.request.adapter);
    }
}

SequenceMemory::Followed SequenceMemory::follow(Sequence& sequence) {
    const std::int64_t begin = sequence.computed;
    const bool is_at_block = begin == sequence.place.blocks * kKvBlockTokens &&
                             std::ssize(sequence.kv.blocks) == sequence.place.blocks;
    if (sequence.place.node == nullptr || !is_at_block) {
        return {};
    }
    PrefixPlace& place = sequence.place;
    bool has_more = false;
    while (sequence.computed + kKvBlockTokens < sequence.to_compute()) {
        const BlockTokens tokens = block_tokens(sequence, place.blocks);
        std::byte* block = tree_.follow(place, tokens);
        if (BlockKey key; block == nullptr && is_stored(*place.node, tokens, key)) {
            has_more = restores_left_ == 0;
            block = has_more ? nullptr : restore(place, tokens, key);
        }
        if (block == nullptr) {
            break;
        }
        sequence.kv.blocks.push_back(block);
        sequence.computed += kKvBlockTokens;
    }
    return {.tokens = sequence.computed - begin, .has_more = has_more};
}

// Whether the block behind `node` is in the file, and its name there.
bool SequenceMemory::is_stored(PrefixNode& node, BlockTokens tokens, BlockKey& key) const {
    if (store_ == nullptr || !node.is_base) {
        return false;
    }
    key = next_block_key(key_of(node), tokens);
    return store_->knows(key);
}

// Null when there is no room, or the file is damaged.
std::byte* SequenceMemory::restore(PrefixPlace& place, BlockTokens tokens, const BlockKey& key) {
    if (!tree_.make_room(1)) {
        return nullptr;
    }
    --restores_left_;
    std::byte* block = cache_.take();
    if (!store_->get(key, tokens, {block, static_cast<std::size_t>(cache_.shape().block_bytes())})) {
        cache_.drop_user(block);
        return nullptr;
    }
    ++restored_;
    tree_.insert(place, tokens, block);
    return block;
}

void SequenceMemory::save(PrefixNode& node) const {
    if (node.is_base) {
        store_->put(
            key_of(node), node.tokens, {node.block, static_cast<std::size_t>(cache_.shape().block_bytes())}
        );
    }
}

const BlockKey& SequenceMemory::key_of(PrefixNode& node) const {
    std::vector<PrefixNode*> nameless;
    for (PrefixNode* at = &node; at != nullptr && !at->has_key; at = at->parent) {
        nameless.push_back(at);
    }
    for (PrefixNode* at : std::views::reverse(nameless)) {
        at->key = at->parent == nullptr ? store_->root() : next_block_key(at->parent->key, at->tokens);
        at->has_key = true;
    }
    return node.key;
}

bool SequenceMemory::make_room(Sequence& sequence, std::int64_t tokens) {
    KvSequence& kv = sequence.kv;
    const std::int64_t first = sequence.computed / kKvBlockTokens;
    const bool is_shared =
        first < std::ssize(kv.blocks) && cache_.users(kv.blocks[static_cast<std::size_t>(first)]) > 1;
    const std::int64_t missing =
        std::max<std::int64_t>(0, kv_blocks_of(tokens) - std::ssize(kv.blocks)) + (is_shared ? 1 : 0);
    if (missing == 0) {
        return true;
    }
    if (!tree_.make_room(missing)) {
        return false;
    }
    const bool is_own = !is_shared || cache_.make_own(kv, first);
    const bool has_grown = cache_.grow(kv, tokens);
    CHECK(is_own && has_grown, "there is room for what is missing");
    return true;
}

void SequenceMemory::announce(Sequence& sequence, std::int64_t end) {
    PrefixPlace& place = sequence.place;
    while (place.node != nullptr && (place.blocks + 1) * kKvBlockTokens <= end) {
        const BlockTokens tokens = block_tokens(sequence, place.blocks);
        if (tree_.knows(place, tokens)) {
            return;  // Ours will be shared when it is computed.
        }
        tree_.insert(place, tokens, sequence.kv.blocks[static_cast<std::size_t>(place.blocks)]);
    }
}

void SequenceMemory::share_full_blocks(Sequence& sequence) {
    PrefixPlace& place = sequence.place;
    while (place.node != nullptr && (place.blocks + 1) * kKvBlockTokens <= sequence.computed) {
        std::byte*& own = sequence.kv.blocks[static_cast<std::size_t>(place.blocks)];
        std::byte* known = tree_.insert(place, block_tokens(sequence, place.blocks), own);
        if (known != own) {  // To the bit the same.
            cache_.add_user(known);
            cache_.drop_user(own);
            own = known;
        }
    }
}

void SequenceMemory::fork(const Sequence& from, Sequence& to) {
    to.kv = cache_.empty();
    to.kv.blocks.reserve(static_cast<std::size_t>(kv_blocks_of(to.kv_tokens())));
    for (std::int64_t i = 0; i < kv_blocks_of(from.computed); ++i) {
        std::byte* block = from.kv.blocks[static_cast<std::size_t>(i)];
        cache_.add_user(block);
        to.kv.blocks.push_back(block);
    }
    to.place = tree_.copy(from.place);
    to.computed = from.computed;
}

void SequenceMemory::release(Sequence& sequence) {
    tree_.leave(sequence.place);
    cache_.release(sequence.kv);
    sequence.computed = 0;
}

void SequenceMemory::give_up(Sequence& sequence) {
    const std::int64_t blocks = kv_blocks_of(sequence.computed);
    const auto is_others = [&](std::int64_t index) {  // Also: it stays where it is, most likely.
        const std::int64_t own_users = index < sequence.place.blocks ? 2 : 1;  // The tree is one.
        return cache_.users(sequence.kv.blocks[static_cast<std::size_t>(index)]) > own_users;
    };
    std::int64_t first = 0;
    while (first < blocks && is_others(first)) {
        ++first;
    }
    const std::int64_t tokens = sequence.computed - first * kKvBlockTokens;
    // What was spilled before and did not all come back yet is still good.
    if (sequence.spilled == nullptr && first < blocks && spill_area_.is_worth(blocks - first, tokens)) {
        const auto own =
            std::span(sequence.kv.blocks)
                .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(blocks - first));
        sequence.spilled =
            spill_area_.put({.blocks = own, .first_block = first, .tokens = sequence.computed});
    }
    release(sequence);
}

std::int64_t SequenceMemory::spilled_end(Sequence& sequence) const {
    const std::int64_t computed = sequence.computed;
    if (sequence.spilled == nullptr || computed < sequence.spilled->first_block() * kKvBlockTokens) {
        return computed;
    }
    const bool is_at_block = computed == std::ssize(sequence.kv.blocks) * kKvBlockTokens;
    if (computed >= sequence.spilled->tokens() || !is_at_block) {
        sequence.spilled.reset();
        return computed;
    }
    return std::min(sequence.spilled->tokens(), computed + restores_left_ * kKvBlockTokens);
}

void SequenceMemory::copy_back(Sequence& sequence, std::int64_t end) {
    const std::int64_t first = sequence.computed / kKvBlockTokens;
    const bool is_all = end == sequence.spilled->tokens();
    const std::int64_t behind = is_all ? kv_blocks_of(end) : end / kKvBlockTokens;
    for (std::int64_t i = first; i < behind; ++i) {
        sequence.spilled->copy_to(i, sequence.kv.blocks[static_cast<std::size_t>(i)]);
    }
    restores_left_ = std::max<std::int64_t>(0, restores_left_ - (behind - first));
    copied_back_ += behind - first;
    sequence.computed = is_all ? end : behind * kKvBlockTokens;
    if (is_all) {
        sequence.spilled.reset();
    }
}

PrefixTree::Known SequenceMemory::known(const Sequence& sequence) const {
    if (sequence.needs_all_rows()) {
        return {};
    }
    const auto tokens = static_cast<std::size_t>(sequence.to_compute() - 1);
    return tree_.find(sequence.request.adapter, std::span(sequence.tokens).first(tokens));
}

std::int64_t SequenceMemory::blocks_missing(const Sequence& sequence) const {
    const std::int64_t tokens = std::min(sequence.to_compute() + 1, sequence.kv_tokens());
    return kv_blocks_of(tokens) - known(sequence).blocks;
}

std::int64_t SequenceMemory::blocks_available(const Sequence& sequence) const {
    return blocks_available() - known(sequence).evictable;
}

double SequenceMemory::positions_wasted(std::span<const std::unique_ptr<Sequence>> running) const {
    double wasted = 0;
    for (const auto& sequence : running) {
        const auto& blocks = sequence->kv.blocks;
        for (std::int64_t i = sequence->computed / kKvBlockTokens; i < std::ssize(blocks); ++i) {
            const std::int64_t held = std::max<std::int64_t>(0, sequence->computed - i * kKvBlockTokens);
            const std::int64_t users = cache_.users(blocks[static_cast<std::size_t>(i)]);
            wasted += static_cast<double>(kKvBlockTokens - held) / static_cast<double>(users);
        }
    }
    return wasted;
}

void SequenceMemory::release_unused() {
    tree_.evict_all();
    cache_.release_free_memory();
}

}  // namespace capstan::engine
