#pragma once

// One prompt and its continuation, from the queue to its last token.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/cache/kv_cache.h"
#include "engine/cache/prefix_tree.h"
#include "engine/cache/spill_area.h"
#include "engine/grammar/token_constraint.h"
#include "engine/model/adapter.h"
#include "engine/model/pooling.h"
#include "engine/sampling/minimum_length.h"
#include "engine/sampling/sampler.h"
#include "engine/scheduling/beam_search.h"
#include "engine/scheduling/draft_model.h"
#include "engine/scheduling/fair_share.h"
#include "engine/scheduling/guess_count.h"
#include "engine/scheduling/token_channel.h"
#include "llm/message.h"

namespace capstan::engine {

// What to compute. Tokens are in the vocabulary and prompt + completion fit the context: checked by whoever
// submits.
struct SequenceRequest {
    std::vector<llm::TokenId> prompt = {};   // At least one.
    std::int64_t completion_tokens_max = 0;  // 0: score the prompt only.
    llm::Sampling sampling = {};
    // Shared: an adapter that is unloaded meanwhile lives until the last sequence with it ends.
    std::shared_ptr<const Adapter> adapter = nullptr;
    // What the completion must look like; null: anything. Shared with other requests for the same. With one,
    // ignore_end counts for nothing: an answer that is complete ends.
    std::shared_ptr<const CompiledGrammar> grammar = nullptr;
    bool score_prompt = false;      // Log-probabilities of the prompt's tokens, from the second on.
    bool score_completion = false;  // And of the generated ones.
    int top_tokens = 0;             // With each score, the most probable tokens.
    bool rank_prompt = false;       // With score_prompt: the tokens' ranks.
    bool ignore_end = false;        // Go on behind end tokens.
    // Until so many tokens came, none of `ends` is chosen, unless the grammar has nothing else. Not of beams.
    std::int64_t completion_tokens_min = 0;
    std::vector<llm::TokenId> ends = {};
    int priority = 0;               // Lower comes first.
    std::string fairness_key = {};  // Those who wait take turns by key.
    bool speculates = true;         // Where the engine does.
    // With completion_tokens_max 0, of an engine that makes vectors: how the prompt's tokens become one,
    // kLast or kMean.
    std::optional<Pooling> pooling = {};
    // With branches: they are the beams of one search (beam_search.h), handed out at its end, the best first,
    // with log-probabilities. Only the grammar applies, no sampling.
    std::optional<llm::BeamOptions> beams = {};
    std::int64_t deadline_at_ms = 0;  // On monotonic_now_ms; it ends with kCancelled then. 0: never.
};

struct Sequence;

// The beams of one request.
struct BeamGroup {
    BeamSearch search;
    std::vector<Sequence*> beams;  // By index; the scheduler owns them.
};

// The scheduler's state of a request.
struct Sequence {
    Sequence(SequenceRequest asked, std::shared_ptr<TokenChannel> to);

    // One for each channel (or beam), of which the first carries the others until the prompt is computed.
    // They differ in their seeds: the one at index k has the request's plus k.
    static std::unique_ptr<Sequence> with_branches(
        const SequenceRequest& asked, const std::vector<std::shared_ptr<TokenChannel>>& channels
    );

    static std::unique_ptr<Sequence> with_beams(
        SequenceRequest request, const std::vector<std::shared_ptr<TokenChannel>>& channels
    );

    SequenceRequest request;                // Its prompt has moved to `tokens`.
    std::shared_ptr<TokenChannel> channel;  // Shared with the caller, who may give up first.
    Sampler sampler;
    std::unique_ptr<TokenConstraint> constraint;  // Of the completion; has accepted what was generated.
    std::unique_ptr<MinimumLength> minimum;       // Null before it is needed.
    std::vector<llm::TokenId> tokens;             // The prompt, then what was generated.
    std::int64_t prompt_tokens = 0;
    std::int64_t computed = 0;  // Tokens whose keys and values are in the cache.
    std::int64_t scored = 0;    // Of the prompt: how many log-probabilities were
                                // handed out, or rows pooled.
    VectorPool pool;
    KvSequence kv;
    std::unique_ptr<SpilledBlocks> spilled;  // When it was preempted: what it had in the cache.
    PrefixPlace place;

    std::int64_t arrival = 0;               // Number in the order of arrivals.
    FairShare::Account* account = nullptr;  // Since its arrival.
    std::int64_t cached_prompt_tokens = 0;
    std::int64_t arrived_us = 0;  // On the monotonic clock.
    std::int64_t started_us = 0;  // The first time; 0: not yet.
    bool has_started = false;     // Once.
    bool was_preempted = false;   // Once.
    bool is_over = false;
    std::shared_ptr<BeamGroup> group;  // Shared by the beams; null for others.
    bool is_running = false;
    bool has_offered = false;           // As a beam: it waits for the others of its round.
    bool is_spare = false;              // As a beam: no longer one.
    std::vector<llm::TokenId> guesses;  // What may follow `tokens`, checked in this step.
    GuessCount guess_count;
    std::unique_ptr<DraftState> draft;                // Null before its first guesses.
    std::vector<std::unique_ptr<Sequence>> branches;  // That fork from here when the prompt is computed.

    // Before its first token, or at its end without one.
    SequenceStart start() const;

    std::int64_t generated() const { return std::ssize(tokens) - prompt_tokens; }

    // Tokens that must be computed before the next one is known, or before the end.
    std::int64_t to_compute() const {
        return std::ssize(tokens) - (request.completion_tokens_max == 0 && !request.pooling ? 1 : 0);
    }

    // Something is made of every token's row: none may be skipped because its keys and values are known.
    bool needs_all_rows() const { return request.score_prompt || request.pooling == Pooling::kMean; }

    // More than the one row that follows a generated token.
    bool is_prefilling() const { return generated() == 0 || to_compute() - computed > 1; }

    // Positions of the cache that it may need; but for a vector's, the last token's key and value are never
    // computed.
    std::int64_t kv_tokens() const {
        const std::int64_t unused = request.pooling ? 0 : 1;
        return std::max<std::int64_t>(1, prompt_tokens + request.completion_tokens_max - unused);
    }

    bool is_late(std::int64_t now_ms) const {
        return request.deadline_at_ms != 0 && now_ms >= request.deadline_at_ms;
    }

    // The scheduler prefers those that come first in this order.
    bool comes_before(const Sequence& other) const {
        return request.priority != other.request.priority ? request.priority < other.request.priority
                                                          : arrival < other.arrival;
    }

    // Tells the caller, its branches' as well.
    void finish(const Result<llm::FinishReason>& outcome);

    // Ends the branches whose callers gave up. False when none is left, itself counted.
    bool drop_cancelled();

    // By all callers.
    bool is_cancelled() const {
        return group == nullptr ? channel->cancelled() : group->search.is_cancelled();
    }
};

}  // namespace capstan::engine
