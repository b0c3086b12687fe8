#pragma once

// How alike two texts are, by a model that makes vectors.

#include <span>

#include "base/result.h"
#include "llm/encoder_client.h"

namespace capstan::engine {

// The cosine of the two vectors of each pair.
Result<llm::PairScores> score_by_cosine(
    llm::EncoderClient& encoder, std::span<const llm::TextPair> pairs, const llm::EncoderCall& call
);

}  // namespace capstan::engine
