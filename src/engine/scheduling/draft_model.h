#pragma once

// A small model of the same vocabulary that guesses what the large one will say (Leviathan et al. 2023).
//
// It follows the sequences with a cache of its own, and guesses greedily. What it guesses changes only the
// speed.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/cache/kv_cache.h"
#include "engine/model/model.h"
#include "llm/message.h"

namespace capstan::engine {

// What the draft model has seen of one sequence.
class DraftState {
public:
    explicit DraftState(BlockKvCache& cache) : cache_(cache), kv_(cache.empty()) {}

    ~DraftState() { cache_.release(kv_); }

    DraftState(const DraftState&) = delete;
    DraftState& operator=(const DraftState&) = delete;

private:
    friend class DraftModel;

    // Forgets what did not come true.
    void compare(std::span<const llm::TokenId> tokens);

    BlockKvCache& cache_;  // Outlives it.
    KvSequence kv_;
    std::vector<llm::TokenId> seen_;  // Whose keys and values are in kv_.
};

// Used from the engine's thread only.
class DraftModel {
public:
    // kInvalid when its vocabulary is not `vocabulary`, or the cache's bytes hold nothing.
    static Result<std::unique_ptr<DraftModel>> build(
        std::unique_ptr<Model> model, std::int64_t vocabulary, std::int64_t kv_cache_bytes
    );

    // One sequence that wants guesses.
    struct Wish {
        std::span<const llm::TokenId> tokens;
        std::int64_t count = 0;                        // At least 1.
        std::unique_ptr<DraftState>* state = nullptr;  // The sequence's; null at first.
        std::vector<llm::TokenId>* guesses = nullptr;  // Gets up to `count` tokens.
    };

    // Guesses for all at once, as many batches as the largest count. A sequence of which much is new to it,
    // or for which its cache has no room, gets none this time.
    void guess(std::span<const Wish> wishes);

private:
    DraftModel(std::unique_ptr<Model> model, std::unique_ptr<BlockKvCache> cache)
        : model_(std::move(model)), cache_(std::move(cache)) {}

    bool add_new_tokens(const Wish& wish);

    std::unique_ptr<Model> model_;
    std::unique_ptr<BlockKvCache> cache_;
    std::vector<BatchRow> rows_;
    std::vector<const Wish*> guessing_;
};

}  // namespace capstan::engine
