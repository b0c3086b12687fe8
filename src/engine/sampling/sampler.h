#pragma once

// How the next token is chosen from the finite logits of one sequence.
//
// In this order: what the grammar allows; logit bias; frequency and presence penalties over the tokens
// generated so far (not the prompt), as OpenAI defines them; greedy when the temperature is 0; else
// temperature, then min-p (at least min_p times the probability of the most probable), top-k, and top-p (the
// fewest most probable whose probabilities, of what is left, reach top_p). The order is vLLM's. Equal logits
// are ordered by id.

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/grammar/token_constraint.h"
#include "engine/sampling/log_softmax.h"
#include "llm/message.h"

namespace capstan::engine {

// kInvalid, naming the parameter and its range.
Result<void> check_sampling(const llm::Sampling& sampling, std::int64_t vocabulary);

// For one sequence. With a seed, the choices depend on seed and logits only; without, on chance.
class Sampler {
public:
    explicit Sampler(llm::Sampling sampling);

    // Chooses, among what `allowed` has when there is one (not empty), and remembers the choice for the
    // penalties.
    llm::TokenId choose(std::span<const float> logits, const TokenMask* allowed = nullptr);

    // What the next choice would be drawn from, probabilities summing to 1; one token when greedy. In no
    // particular order.
    std::vector<TokenProbability> distribution(
        std::span<const float> logits, const TokenMask* allowed = nullptr
    );

private:
    struct Candidate {
        double logit = 0;
        double weight = 0;  // Its probability times a common factor.
        llm::TokenId token = 0;
    };

    void collect(std::span<const float> logits, const TokenMask* allowed);
    void weigh();
    void keep_min_p();
    void keep_top_k();
    void keep_top_p();
    double next_uniform();

    llm::Sampling sampling_;
    std::uint64_t seed_;
    std::uint64_t draws_ = 0;
    std::unordered_map<llm::TokenId, std::int64_t> counts_;  // Of generated tokens; only with penalties.
    std::vector<Candidate> candidates_;
};

}  // namespace capstan::engine
