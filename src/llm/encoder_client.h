#pragma once

// The contract of what turns texts into vectors, or pairs of texts into scores.

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "llm/message.h"

namespace capstan::llm {

// Text, or token ids as they are.
using EncoderInput = std::variant<std::string, std::vector<TokenId>>;

struct Embeddings {
    std::vector<std::vector<float>> vectors;  // One for each input.
    std::int64_t prompt_tokens = 0;
};

struct TextPair {
    std::string first;
    std::string second;
};

struct PairScores {
    std::vector<float> scores;  // One for each pair, rising with relevance.
    std::int64_t prompt_tokens = 0;
};

// When a call must end early, with kCancelled.
struct EncoderCall {
    std::stop_token stop = {};        // The caller is gone.
    std::int64_t deadline_at_ms = 0;  // On monotonic_now_ms; 0: none.
};

// Thread-safe; calls block.
class EncoderClient {
public:
    virtual ~EncoderClient() = default;

    // kInvalid for an input that is empty or longer than the model takes.
    virtual Result<Embeddings> embed(std::span<const EncoderInput> inputs, const EncoderCall& call) = 0;

    // From 0 to 1 by a model made for it; else the cosine of the embeddings.
    virtual Result<PairScores> score(std::span<const TextPair> pairs, const EncoderCall& call) = 0;

    virtual std::int64_t tokens_max() const = 0;  // Of one input.
};

}  // namespace capstan::llm
