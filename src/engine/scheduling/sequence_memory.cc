#include "engine/scheduling/sequence_memory.h"

#include <algorithm>

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

void SequenceMemory::enter(Sequence& sequence) {
    CHECK(sequence.kv.blocks.empty(), "a sequence enters once");
    sequence.kv = cache_.empty();
    sequence.kv.blocks.reserve(static_cast<std::size_t>(kv_blocks_of(sequence.kv_tokens())));
    if (!sequence.request.score_prompt) {
        sequence.place = tree_.enter(sequence.request.adapter);
    }
}

std::int64_t SequenceMemory::follow(Sequence& sequence) {
    const std::int64_t begin = sequence.computed;
    const bool is_at_block = begin == sequence.place.blocks * kKvBlockTokens &&
                             std::ssize(sequence.kv.blocks) == sequence.place.blocks;
    if (sequence.place.node == nullptr || !is_at_block) {
        return 0;
    }
    while (sequence.computed + kKvBlockTokens < sequence.to_compute()) {
        std::byte* block = tree_.follow(sequence.place, block_tokens(sequence, sequence.place.blocks));
        if (block == nullptr) {
            break;
        }
        sequence.kv.blocks.push_back(block);
        sequence.computed += kKvBlockTokens;
    }
    return sequence.computed - begin;
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

PrefixTree::Known SequenceMemory::known(const Sequence& sequence) const {
    if (sequence.request.score_prompt) {
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

void SequenceMemory::release_unused() {
    tree_.evict_all();
    cache_.release_free_memory();
}

}  // namespace capstan::engine
