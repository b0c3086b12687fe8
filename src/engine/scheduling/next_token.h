#pragma once

// How a sequence's next token comes from the logits of its last one.

#include <span>

#include "base/result.h"
#include "engine/scheduling/sequence.h"

namespace capstan::engine {

// The next token, within what the request's grammar and its least length allow. Errors are the grammar's.
Result<llm::TokenId> choose_next(Sequence& sequence, std::span<const float> logits);

// What the model itself thinks of `token`, and the most probable ones, as many as the request says.
ScoredToken score(const SequenceRequest& request, std::span<const float> logits, llm::TokenId token);

}  // namespace capstan::engine
