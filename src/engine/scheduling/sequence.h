#pragma once

// One prompt and its continuation, from the queue to its last token.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/cache/kv_cache.h"
#include "engine/grammar/token_constraint.h"
#include "engine/model/adapter.h"
#include "engine/sampling/sampler.h"
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
    bool ignore_end = false;        // Go on behind end tokens.
};

// The scheduler's state of a request.
struct Sequence {
    Sequence(SequenceRequest asked, std::shared_ptr<TokenChannel> to)
        : request(std::move(asked)),
          channel(std::move(to)),
          sampler(request.sampling),
          constraint(request.grammar == nullptr ? nullptr : request.grammar->start()),
          tokens(request.prompt) {}

    SequenceRequest request;
    std::shared_ptr<TokenChannel> channel;  // Shared with the caller, who may give up first.
    Sampler sampler;
    std::unique_ptr<TokenConstraint> constraint;  // Of the completion; has accepted what was generated.
    std::vector<llm::TokenId> tokens;             // The prompt, then what was generated.
    std::int64_t computed = 0;                    // Tokens whose keys and values are in the cache.
    KvSequence kv;

    std::int64_t generated() const { return std::ssize(tokens) - std::ssize(request.prompt); }

    bool is_prefilling() const { return generated() == 0; }

    // Positions of the cache that it may need; the last token's key and value are never computed.
    std::int64_t kv_tokens() const {
        return std::max<std::int64_t>(1, std::ssize(request.prompt) + request.completion_tokens_max - 1);
    }
};

}  // namespace capstan::engine
