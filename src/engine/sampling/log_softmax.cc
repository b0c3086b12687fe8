#include "engine/sampling/log_softmax.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "engine/kernels/reductions.h"

namespace capstan::engine {

LogSoftmax::LogSoftmax(std::span<const float> logits) : logits_(logits) {
    const auto& reductions = kernels::best_reductions();
    const auto count = static_cast<std::int64_t>(logits.size());
    const kernels::Largest largest = reductions.largest(logits.data(), count);
    const double sum =
        reductions.exp_sum({.x = logits.data(), .count = count, .shift = largest.value, .scale = 1}, nullptr);
    log_sum_ = static_cast<double>(largest.value) + std::log(sum);
}

double LogSoftmax::of(llm::TokenId token) const {
    return static_cast<double>(logits_[static_cast<std::size_t>(token)]) - log_sum_;
}

std::int64_t LogSoftmax::rank_of(llm::TokenId token) const {
    const float logit = logits_[static_cast<std::size_t>(token)];
    return std::ranges::count_if(logits_, [logit](float other) { return other >= logit; });
}

std::vector<TokenProbability> LogSoftmax::top(int count) const {
    const auto kept = std::min(static_cast<std::size_t>(std::max(count, 0)), logits_.size());
    if (kept == 0) {
        return {};
    }
    const auto& reductions = kernels::best_reductions();
    const std::size_t blocks =
        (logits_.size() + kernels::kLargestBlock - 1) / static_cast<std::size_t>(kernels::kLargestBlock);
    float least = std::numeric_limits<float>::lowest();
    if (kept <= blocks) {
        // As many blocks have a logit that is no less: so do as many tokens.
        std::vector<float> largest(blocks);
        reductions.block_largest(logits_.data(), std::ssize(logits_), largest.data());
        const auto nth = largest.begin() + static_cast<std::ptrdiff_t>(kept - 1);
        std::ranges::nth_element(largest, nth, std::greater());
        least = *nth;
    }
    std::vector<llm::TokenId> tokens(static_cast<std::size_t>(reductions.collect(logits_, least, {})));
    reductions.collect(logits_, least, tokens);
    const auto end = tokens.begin() + static_cast<std::ptrdiff_t>(kept);
    std::partial_sort(tokens.begin(), end, tokens.end(), [this](auto a, auto b) {
        const float left = logits_[static_cast<std::size_t>(a)];
        const float right = logits_[static_cast<std::size_t>(b)];
        return left != right ? left > right : a < b;
    });
    std::vector<TokenProbability> top;
    for (std::size_t i = 0; i < kept; ++i) {
        top.push_back({.token = tokens[i], .log_probability = of(tokens[i])});
    }
    return top;
}

llm::TokenId largest_token(std::span<const float> logits) {
    return static_cast<llm::TokenId>(
        kernels::best_reductions().largest(logits.data(), std::ssize(logits)).index
    );
}

}  // namespace capstan::engine
