#pragma once

// Log-probabilities of tokens from a row of finite logits.

#include <span>
#include <vector>

#include "llm/message.h"

namespace capstan::engine {

struct TokenProbability {
    llm::TokenId token = 0;
    double log_probability = 0;
};

// log(softmax(logits)), of the model itself: no temperature, bias or penalty. Keeps a view of the logits.
class LogSoftmax {
public:
    explicit LogSoftmax(std::span<const float> logits);

    double of(llm::TokenId token) const;

    // Among all tokens, from 1: how many have no smaller logit. Of equals, all have the last one's rank.
    std::int64_t rank_of(llm::TokenId token) const;

    // The `count` most probable, the best first; equal ones by id.
    std::vector<TokenProbability> top(int count) const;

private:
    std::span<const float> logits_;
    double log_sum_ = 0;  // log of the sum of e^logit.
};

// Where the largest logit is; the first of equals.
llm::TokenId largest_token(std::span<const float> logits);

}  // namespace capstan::engine
