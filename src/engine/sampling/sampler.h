#pragma once

// How the next token is chosen from the finite logits of one sequence.
//
// In this order: what the grammar allows; logit bias; the repetition penalty over prompt and completion (a
// positive logit is divided by it, a negative one multiplied; Keskar et al. 2019); frequency and presence
// penalties over the tokens generated so far, as OpenAI defines them; greedy when the temperature is 0; else
// temperature, then min-p (at least min_p times the probability of the most probable), top-k, typical-p
// (those whose surprise is nearest to the expected one, until their probabilities, of what is left, reach
// typical_p; Meister et al. 2023) and top-p (the fewest most probable whose probabilities, of what is left,
// reach top_p). Equal logits are ordered by id.

#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/grammar/token_constraint.h"
#include "engine/sampling/log_softmax.h"
#include "engine/sampling/many_candidates.h"
#include "llm/message.h"

namespace capstan::engine {

// kInvalid, naming the parameter and its range.
Result<void> check_sampling(const llm::Sampling& sampling, std::int64_t vocabulary);

// For one sequence. With a seed, the choices depend on seed and logits only; without, on chance. A copy goes
// on as the original would. Nothing is allocated once its buffers have grown.
class Sampler {
public:
    // `prompt` counts for the repetition penalty only.
    explicit Sampler(llm::Sampling sampling, std::span<const llm::TokenId> prompt = {});

    // Chooses, among what `allowed` has when there is one (not empty), and remembers the choice for the
    // penalties. Where one token is allowed, no logit is looked at and no random number drawn.
    llm::TokenId choose(std::span<const float> logits, const TokenMask* allowed = nullptr);

    // What the next choice would be drawn from, probabilities summing to 1; one token when greedy. In no
    // particular order.
    std::vector<TokenProbability> distribution(
        std::span<const float> logits, const TokenMask* allowed = nullptr
    );

    // A token that came otherwise than by `choose`: remembered for the penalties.
    void remember(llm::TokenId token);

private:
    struct Candidate {
        double logit = 0;
        double weight = 0;  // Its probability times a common factor.
        llm::TokenId token = 0;
    };

    template <typename Iterator>
    static double weight_of(Iterator begin, Iterator end) {
        return std::accumulate(begin, end, 0.0, [](double sum, const auto& c) { return sum + c.weight; });
    }

    // How often a token was seen.
    struct Seen {
        std::int64_t generated = 0;
        bool in_prompt = false;
    };

    bool has_penalties() const;
    bool has_filters() const;

    bool changes_logits() const { return !sampling_.logit_bias.empty() || !seen_.empty(); }

    template <typename Change>
    void each_change(const Change& change) const;

    void collect(std::span<const float> logits, const TokenMask* allowed);
    void gather(std::span<const float> logits, const TokenMask& allowed);
    std::span<const float> changed(std::span<const float> logits, const TokenMask* allowed);
    void collect_from(std::span<const float> logits);
    std::optional<float> least_of_interest(std::span<const float> logits, float largest);
    void filter(double all);
    void keep_min_p();
    void keep_top_k();
    void keep_typical();
    void keep_top_p(double all);

    double total() const { return weight_of(candidates_.begin(), candidates_.end()); }

    llm::TokenId draw();
    llm::TokenId draw_from_all(std::span<const float> logits);
    double next_uniform();

    llm::Sampling sampling_;
    std::uint64_t seed_;
    std::uint64_t draws_ = 0;
    std::unordered_map<llm::TokenId, Seen> seen_;  // Only with penalties.
    std::vector<Candidate> candidates_;
    ManyCandidates many_;   // In place of them,
    bool is_many_ = false;  // when there are thousands.
    double all_ = 0;        // What all tokens weigh, with what is not among the candidates; 0: not known.
    std::vector<float> scratch_;
    std::vector<float> scratch_block_;
    std::vector<float> largest_;
    std::vector<double> block_sums_;
    std::vector<std::int32_t> indices_;
};

}  // namespace capstan::engine
