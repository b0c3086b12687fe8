#include "engine/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/hash.h"

namespace capstan::engine {
namespace {

std::uint64_t chance() {
    std::uint64_t seed;
    std::memcpy(&seed, random_bytes(sizeof seed).data(), sizeof seed);
    return seed;
}

// Number `index` of the stream that `seed` names (SplitMix64; Steele, Lea and Flood 2014).
std::uint64_t random_at(std::uint64_t seed, std::uint64_t index) {
    std::uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

}  // namespace

Result<void> check_sampling(const llm::Sampling& sampling, std::int64_t vocabulary) {
    if (auto valid = llm::validate(sampling); !valid) {
        return valid;
    }
    for (const auto& [token, bias] : sampling.logit_bias) {
        if (token >= vocabulary) {
            return Error{
                ErrorCode::kInvalid, fmt::format("logit_bias names token {}; there are {}", token, vocabulary)
            };
        }
    }
    return {};
}

Sampler::Sampler(llm::Sampling sampling)
    : sampling_(std::move(sampling)), seed_(sampling_.seed ? *sampling_.seed : chance()) {}

llm::TokenId Sampler::choose(std::span<const float> logits, const TokenMask* allowed) {
    llm::TokenId chosen = 0;
    const bool is_plain = allowed == nullptr && sampling_.logit_bias.empty() && counts_.empty();
    if (sampling_.temperature == 0 && is_plain) {
        chosen = largest_token(logits);
    } else {
        collect(logits, allowed);
        double total = 0;
        for (const Candidate& candidate : candidates_) {
            total += candidate.weight;
        }
        double left = candidates_.size() == 1 ? 0 : next_uniform() * total;
        chosen = candidates_.back().token;  // Where rounding could leave us.
        for (const Candidate& candidate : candidates_) {
            left -= candidate.weight;
            if (left < 0) {
                chosen = candidate.token;
                break;
            }
        }
    }
    if (sampling_.frequency_penalty != 0 || sampling_.presence_penalty != 0) {
        ++counts_[chosen];
    }
    return chosen;
}

std::vector<TokenProbability> Sampler::distribution(std::span<const float> logits, const TokenMask* allowed) {
    collect(logits, allowed);
    double total = 0;
    for (const Candidate& candidate : candidates_) {
        total += candidate.weight;
    }
    std::vector<TokenProbability> probabilities;
    for (const Candidate& candidate : candidates_) {
        probabilities.push_back(
            {.token = candidate.token, .log_probability = std::log(candidate.weight / total)}
        );
    }
    return probabilities;
}

void Sampler::collect(std::span<const float> logits, const TokenMask* allowed) {
    candidates_.clear();
    for (std::size_t i = 0; i < logits.size(); ++i) {
        const auto token = static_cast<llm::TokenId>(i);
        if (allowed == nullptr || allowed->allows(token)) {
            candidates_.push_back({.logit = static_cast<double>(logits[i]), .weight = 0, .token = token});
        }
    }
    const auto change = [this](llm::TokenId token, double by) {
        const auto found = std::ranges::lower_bound(candidates_, token, {}, &Candidate::token);
        if (found != candidates_.end() && found->token == token) {
            found->logit += by;
        }
    };
    for (const auto& [token, bias] : sampling_.logit_bias) {
        change(token, bias);
    }
    for (const auto& [token, count] : counts_) {
        change(token, -sampling_.frequency_penalty * static_cast<double>(count) - sampling_.presence_penalty);
    }
    if (sampling_.temperature == 0) {
        const auto best = std::ranges::max_element(candidates_, {}, &Candidate::logit);
        candidates_ = {{.logit = best->logit, .weight = 1, .token = best->token}};
        return;
    }
    weigh();
    keep_min_p();
    keep_top_k();
    keep_top_p();
}

// Weights are relative to the most probable token's, which is 1.
void Sampler::weigh() {
    const double largest = std::ranges::max_element(candidates_, {}, &Candidate::logit)->logit;
    for (Candidate& candidate : candidates_) {
        candidate.weight = std::exp((candidate.logit - largest) / sampling_.temperature);
    }
}

void Sampler::keep_min_p() {
    if (sampling_.min_p > 0) {
        std::erase_if(candidates_, [this](const Candidate& c) { return c.weight < sampling_.min_p; });
    }
}

void Sampler::keep_top_k() {
    if (sampling_.top_k <= 0 || std::cmp_greater_equal(sampling_.top_k, candidates_.size())) {
        return;
    }
    std::ranges::nth_element(
        candidates_,
        candidates_.begin() + sampling_.top_k,
        [](const auto& a, const auto& b) {
            return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
        }
    );
    candidates_.resize(static_cast<std::size_t>(sampling_.top_k));
}

void Sampler::keep_top_p() {
    if (sampling_.top_p >= 1) {
        return;
    }
    double total = 0;
    for (const Candidate& candidate : candidates_) {
        total += candidate.weight;
    }
    // All tokens below this share less than 1 - top_p between them, so none is needed: it saves the sort from
    // most of the vocabulary. Half, so that rounding cannot matter.
    const double negligible = 0.5 * (1 - sampling_.top_p) * total / static_cast<double>(candidates_.size());
    std::erase_if(candidates_, [&](const Candidate& c) { return c.weight < negligible; });
    // A heap gives the most probable one by one: usually a few are enough.
    const auto is_less = [](const Candidate& a, const Candidate& b) {
        return a.logit != b.logit ? a.logit < b.logit : a.token > b.token;
    };
    std::ranges::make_heap(candidates_, is_less);
    double reached = 0;
    auto rest = candidates_.end();
    while (rest != candidates_.begin() && reached < sampling_.top_p * total) {
        std::ranges::pop_heap(candidates_.begin(), rest, is_less);
        --rest;
        reached += rest->weight;
    }
    candidates_.erase(candidates_.begin(), rest);
}

// [0, 1), with 53 bits.
double Sampler::next_uniform() {
    return static_cast<double>(random_at(seed_, draws_++) >> 11) * 0x1p-53;
}

}  // namespace capstan::engine
