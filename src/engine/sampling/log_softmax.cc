#include "engine/sampling/log_softmax.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace capstan::engine {

LogSoftmax::LogSoftmax(std::span<const float> logits) : logits_(logits) {
    const float largest = *std::ranges::max_element(logits);
    double sum = 0;
    for (const float logit : logits) {
        sum += static_cast<double>(std::exp(logit - largest));
    }
    log_sum_ = static_cast<double>(largest) + std::log(sum);
}

double LogSoftmax::of(llm::TokenId token) const {
    return static_cast<double>(logits_[static_cast<std::size_t>(token)]) - log_sum_;
}

std::vector<TokenProbability> LogSoftmax::top(int count) const {
    if (count <= 0) {
        return {};
    }
    std::vector<llm::TokenId> tokens(logits_.size());
    std::iota(tokens.begin(), tokens.end(), 0);
    const auto kept = std::min(static_cast<std::ptrdiff_t>(count), std::ssize(tokens));
    std::partial_sort(tokens.begin(), tokens.begin() + kept, tokens.end(), [this](auto a, auto b) {
        const float left = logits_[static_cast<std::size_t>(a)];
        const float right = logits_[static_cast<std::size_t>(b)];
        return left != right ? left > right : a < b;
    });
    std::vector<TokenProbability> top;
    for (std::ptrdiff_t i = 0; i < kept; ++i) {
        const llm::TokenId token = tokens[static_cast<std::size_t>(i)];
        top.push_back({.token = token, .log_probability = of(token)});
    }
    return top;
}

llm::TokenId largest_token(std::span<const float> logits) {
    return static_cast<llm::TokenId>(std::ranges::max_element(logits) - logits.begin());
}

}  // namespace capstan::engine
