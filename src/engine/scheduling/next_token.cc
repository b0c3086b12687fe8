#include "engine/scheduling/next_token.h"

namespace capstan::engine {
namespace {

// Of what is allowed, what does not end a sequence that is too short.
const TokenMask* without_ends(Sequence& sequence, const TokenMask* allowed, std::size_t vocabulary) {
    const SequenceRequest& request = sequence.request;
    if (sequence.generated() >= request.completion_tokens_min) {
        return allowed;
    }
    if (sequence.minimum == nullptr) {
        sequence.minimum = std::make_unique<MinimumLength>(
            request.completion_tokens_min, request.ends, static_cast<std::int64_t>(vocabulary)
        );
    }
    return sequence.minimum->within(allowed, sequence.generated());
}

}  // namespace

ScoredToken score(const SequenceRequest& request, std::span<const float> logits, llm::TokenId token) {
    const LogSoftmax probabilities(logits);
    return ScoredToken{
        .token = token,
        .log_probability = probabilities.of(token),
        .top = probabilities.top(request.top_tokens),
        .is_end = false,
        .rank = 0,
    };
}

Result<llm::TokenId> choose_next(Sequence& sequence, std::span<const float> logits) {
    if (sequence.constraint == nullptr) {
        return sequence.sampler.choose(logits, without_ends(sequence, nullptr, logits.size()));
    }
    const auto allowed = sequence.constraint->allowed();
    if (!allowed) {
        return allowed.error();
    }
    const llm::TokenId token =
        sequence.sampler.choose(logits, without_ends(sequence, *allowed, logits.size()));
    if (auto accepted = sequence.constraint->accept(token); !accepted) {
        return accepted.error();
    }
    return token;
}

}  // namespace capstan::engine
