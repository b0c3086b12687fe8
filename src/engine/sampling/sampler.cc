#include "engine/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "base/hash.h"
#include "engine/kernels/reductions.h"

namespace capstan::engine {
namespace {

// More tokens than these are not put into a list, nor sorted.
constexpr std::size_t kFewMax = 2048;

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

Sampler::Sampler(llm::Sampling sampling, std::span<const llm::TokenId> prompt)
    : sampling_(std::move(sampling)), seed_(sampling_.seed ? *sampling_.seed : chance()) {
    if (sampling_.repetition_penalty != 1) {
        for (const llm::TokenId token : prompt) {
            seen_[token].in_prompt = true;
        }
    }
}

llm::TokenId Sampler::choose(std::span<const float> logits, const TokenMask* allowed) {
    llm::TokenId chosen = 0;
    if (allowed != nullptr && allowed->count == 1) {
        chosen = allowed->tokens[0];
    } else if (allowed != nullptr && allowed->is_listed()) {
        gather(logits, *allowed);
        filter(0);
        chosen = draw();
    } else if (sampling_.temperature == 0) {
        const auto row = changed(logits, allowed);
        chosen = largest_token(row);
    } else if (!has_filters()) {
        chosen = draw_from_all(changed(logits, allowed));
    } else {
        collect(logits, allowed);
        chosen = draw();
    }
    remember(chosen);
    return chosen;
}

void Sampler::remember(llm::TokenId token) {
    if (has_penalties()) {
        ++seen_[token].generated;
    }
}

std::vector<TokenProbability> Sampler::distribution(std::span<const float> logits, const TokenMask* allowed) {
    collect(logits, allowed);
    if (is_many_) {
        return many_.distribution();
    }
    const double sum = total();
    std::vector<TokenProbability> probabilities;
    for (const Candidate& candidate : candidates_) {
        if (candidate.weight > 0) {
            probabilities.push_back(
                {.token = candidate.token, .log_probability = std::log(candidate.weight / sum)}
            );
        }
    }
    return probabilities;
}

bool Sampler::has_penalties() const {
    return sampling_.frequency_penalty != 0 || sampling_.presence_penalty != 0 ||
           sampling_.repetition_penalty != 1;
}

bool Sampler::has_filters() const {
    return sampling_.top_k > 0 || sampling_.top_p < 1 || sampling_.min_p > 0 || sampling_.typical_p < 1;
}

// Calls change(token, what its logit becomes of it) for each token that bias or penalties are about.
template <typename Change>
void Sampler::each_change(const Change& change) const {
    for (const auto& [token, bias] : sampling_.logit_bias) {
        change(token, [by = bias](double logit) { return logit + by; });
    }
    for (const auto& [token, seen] : seen_) {
        change(token, [&](double logit) {
            const double penalty = sampling_.repetition_penalty;
            const double repeated = logit > 0 ? logit / penalty : logit * penalty;
            const double presence = seen.generated > 0 ? sampling_.presence_penalty : 0;
            return repeated - sampling_.frequency_penalty * static_cast<double>(seen.generated) - presence;
        });
    }
}

// The candidates that are left after all filters.
void Sampler::collect(std::span<const float> logits, const TokenMask* allowed) {
    if (allowed != nullptr && allowed->is_listed()) {
        gather(logits, *allowed);
        filter(0);
        return;
    }
    collect_from(changed(logits, allowed));
}

// Few tokens are allowed: nothing of the size of the vocabulary is looked at.
void Sampler::gather(std::span<const float> logits, const TokenMask& allowed) {
    is_many_ = false;
    candidates_.clear();
    for (const llm::TokenId token : allowed.tokens) {
        candidates_.push_back(
            {.logit = static_cast<double>(logits[static_cast<std::size_t>(token)]),
             .weight = 0,
             .token = token}
        );
    }
    each_change([this](llm::TokenId token, const auto& change) {
        const auto found = std::ranges::lower_bound(candidates_, token, {}, &Candidate::token);
        if (found != candidates_.end() && found->token == token) {
            found->logit = change(found->logit);
        }
    });
}

// The logits as bias, penalties and grammar leave them; those not allowed are minus infinity.
std::span<const float> Sampler::changed(std::span<const float> logits, const TokenMask* allowed) {
    if (allowed == nullptr && !changes_logits()) {
        return logits;
    }
    scratch_.resize(logits.size());
    if (allowed == nullptr) {
        std::ranges::copy(logits, scratch_.begin());
    } else {
        const std::size_t known = std::min(logits.size(), allowed->bits.size() * 64);
        kernels::best_reductions().mask(logits.first(known), allowed->bits.data(), scratch_.data());
        std::fill(scratch_.begin() + static_cast<std::ptrdiff_t>(known), scratch_.end(), -INFINITY);
    }
    each_change([this](llm::TokenId token, const auto& change) {
        float& logit = scratch_[static_cast<std::size_t>(token)];
        if (std::isfinite(logit)) {
            logit = static_cast<float>(change(static_cast<double>(logit)));
        }
    });
    return scratch_;
}

// Those that could be left after the filters, found at the speed of memory; then the filters themselves.
void Sampler::collect_from(std::span<const float> logits) {
    const auto& reductions = kernels::best_reductions();
    const auto count = static_cast<std::int64_t>(logits.size());
    const kernels::Largest largest = reductions.largest(logits.data(), count);
    is_many_ = false;
    candidates_.clear();
    if (sampling_.temperature == 0) {
        candidates_.push_back({
            .logit = static_cast<double>(largest.value),
            .weight = 1,
            .token = static_cast<llm::TokenId>(largest.index),
        });
        return;
    }
    all_ = 0;
    constexpr float kLowest = std::numeric_limits<float>::lowest();  // Above what is not allowed.
    const float least = std::max(kLowest, least_of_interest(logits, largest.value).value_or(kLowest));
    indices_.resize(kFewMax);
    const auto found = static_cast<std::size_t>(reductions.collect(logits, least, indices_));
    is_many_ = found > kFewMax;
    if (is_many_) {
        many_.filter(logits, largest.value, sampling_);
        return;
    }
    for (std::size_t i = 0; i < found; ++i) {
        const auto index = static_cast<std::size_t>(indices_[i]);
        candidates_.push_back(
            {.logit = static_cast<double>(logits[index]),
             .weight = 0,
             .token = static_cast<llm::TokenId>(indices_[i])}
        );
    }
    filter(all_);
}

// A logit below which no token can be left after the filters; nothing when every token can. When only top-p
// filters, `all_` is what all tokens weigh.
std::optional<float> Sampler::least_of_interest(std::span<const float> logits, float largest) {
    const auto& reductions = kernels::best_reductions();
    const auto count = static_cast<std::int64_t>(logits.size());
    std::optional<float> least;
    const auto raise = [&](double to) {
        // A little lower, so that rounding cannot matter.
        const auto lower = static_cast<float>(to - 1e-4 - 1e-6 * std::abs(to));
        least = least ? std::max(*least, lower) : lower;
    };
    if (sampling_.min_p > 0) {
        raise(static_cast<double>(largest) + sampling_.temperature * std::log(sampling_.min_p));
    }
    const std::int64_t blocks = (count + kernels::kLargestBlock - 1) / kernels::kLargestBlock;
    if (sampling_.top_k > 0 && sampling_.top_k <= blocks) {
        // As many blocks have a logit that is no less: so do as many tokens.
        largest_.resize(static_cast<std::size_t>(blocks));
        reductions.block_largest(logits.data(), count, largest_.data());
        const auto nth = largest_.begin() + (sampling_.top_k - 1);
        std::ranges::nth_element(largest_, nth, std::greater());
        least = least ? std::max(*least, *nth) : *nth;
    }
    if (!least && sampling_.top_k == 0 && sampling_.typical_p == 1 && sampling_.top_p < 1) {
        const auto scale = static_cast<float>(1 / sampling_.temperature);
        const double sum = reductions.exp_sum(
            {.x = logits.data(), .count = count, .shift = largest, .scale = scale}, nullptr
        );
        // All tokens below this share less than 1 - top_p between them, so none is needed. Half, so that
        // rounding cannot matter.
        const double negligible = 0.5 * (1 - sampling_.top_p) * sum / static_cast<double>(count);
        raise(static_cast<double>(largest) + sampling_.temperature * std::log(negligible));
        all_ = sum;
    }
    return least;
}

// Weighs the candidates, relative to the most probable one, whose weight is 1, and drops those that the
// filters drop. `all` is what all tokens weigh, where that is known; 0 where the candidates are all there
// are.
void Sampler::filter(double all) {
    const auto best = std::ranges::max_element(candidates_, {}, &Candidate::logit);
    if (sampling_.temperature == 0) {
        const Candidate only = {.logit = best->logit, .weight = 1, .token = best->token};
        candidates_.assign(1, only);
        return;
    }
    const double largest = best->logit;
    for (Candidate& candidate : candidates_) {
        candidate.weight = std::exp((candidate.logit - largest) / sampling_.temperature);
    }
    keep_min_p();
    keep_top_k();
    keep_typical();
    keep_top_p(all);
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

void Sampler::keep_typical() {
    if (sampling_.typical_p >= 1) {
        return;
    }
    const double sum = total();
    double entropy = 0;
    for (const Candidate& c : candidates_) {
        entropy -= c.weight > 0 ? c.weight / sum * std::log(c.weight / sum) : 0;
    }
    // How far a token's surprise is from the expected one. A heap gives the nearest one by one.
    const auto distance = [&](const Candidate& c) { return std::abs(-std::log(c.weight / sum) - entropy); };
    const auto is_farther = [&](const Candidate& a, const Candidate& b) {
        const double left = distance(a);
        const double right = distance(b);
        return left != right ? left > right : a.token > b.token;
    };
    std::ranges::make_heap(candidates_, is_farther);
    double reached = 0;
    auto rest = candidates_.end();
    while (rest != candidates_.begin() && reached < sampling_.typical_p * sum) {
        std::ranges::pop_heap(candidates_.begin(), rest, is_farther);
        --rest;
        reached += rest->weight;
    }
    candidates_.erase(candidates_.begin(), rest);
}

void Sampler::keep_top_p(double all) {
    if (sampling_.top_p >= 1) {
        return;
    }
    const double enough = sampling_.top_p * (all > 0 ? all : total());
    const auto is_before = [](const Candidate& a, const Candidate& b) {
        return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
    };
    auto begin = candidates_.begin();
    double reached = 0;
    std::ranges::sort(candidates_, is_before);
    while (begin != candidates_.end() && reached < enough) {
        reached += begin->weight;
        ++begin;
    }
    candidates_.erase(begin, candidates_.end());
}

llm::TokenId Sampler::draw() {
    if (is_many_) {
        return many_.draw(next_uniform());
    }
    double left = candidates_.size() == 1 ? 0 : next_uniform() * total();
    llm::TokenId chosen = candidates_.front().token;
    for (const Candidate& candidate : candidates_) {
        if (candidate.weight > 0) {
            chosen = candidate.token;  // The last one, where rounding leaves something.
        }
        left -= candidate.weight;
        if (left < 0) {
            break;
        }
    }
    return chosen;
}

// From the softmax of all of them: first the block that the random number falls into, then the token in it.
llm::TokenId Sampler::draw_from_all(std::span<const float> logits) {
    const auto& reductions = kernels::best_reductions();
    const auto count = static_cast<std::int64_t>(logits.size());
    const kernels::Largest largest = reductions.largest(logits.data(), count);
    kernels::ExpWork work = {
        .x = logits.data(),
        .count = count,
        .shift = largest.value,
        .scale = static_cast<float>(1 / sampling_.temperature),
    };
    block_sums_.resize(static_cast<std::size_t>(count / kernels::kReductionBlock + 1));
    double left = next_uniform() * reductions.exp_sum(work, block_sums_.data());
    std::int64_t begin = 0;
    for (const double sum : block_sums_) {
        if (left < sum || begin + kernels::kReductionBlock >= count) {
            break;
        }
        left -= sum;
        begin += kernels::kReductionBlock;
    }
    work.x += begin;
    work.count = std::min(kernels::kReductionBlock, count - begin);
    scratch_block_.resize(static_cast<std::size_t>(kernels::kReductionBlock));
    reductions.exps(work, scratch_block_.data());
    std::int64_t chosen = -1;
    for (std::int64_t i = 0; i < work.count && left >= 0; ++i) {
        const auto weight = static_cast<double>(scratch_block_[static_cast<std::size_t>(i)]);
        left -= weight;
        chosen = weight > 0 ? begin + i : chosen;  // The last one, where rounding leaves something.
    }
    return static_cast<llm::TokenId>(chosen >= 0 ? chosen : largest.index);
}

// [0, 1), with 53 bits.
double Sampler::next_uniform() {
    return static_cast<double>(random_at(seed_, draws_++) >> 11) * 0x1p-53;
}

}  // namespace capstan::engine
