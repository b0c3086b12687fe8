#pragma once

// Keeps an answer from ending before it has so many tokens: until then, what would end it cannot be chosen.

#include <cstdint>
#include <vector>

#include "engine/grammar/token_constraint.h"
#include "llm/message.h"

namespace capstan::engine {

// For one sequence. Nothing is allocated once its buffers have grown.
class MinimumLength {
public:
    // `ends` are the tokens of the vocabulary that end it; those out of range count for nothing.
    MinimumLength(std::int64_t tokens_min, std::vector<llm::TokenId> ends, std::int64_t vocabulary);

    // What may come behind `generated` tokens, of what `allowed` has (null: all of the vocabulary, and so is
    // the answer). Where only ends are left, as when a grammar's answer is complete, it may end. Valid until
    // the next call.
    const TokenMask* within(const TokenMask* allowed, std::int64_t generated);

private:
    void remove_ends(TokenMask& mask) const;

    std::int64_t tokens_min_;
    std::vector<llm::TokenId> ends_;  // Each once.
    TokenMask all_;                   // Of the vocabulary, but the ends.
    TokenMask some_;                  // Of a grammar's tokens, but the ends.
};

}  // namespace capstan::engine
