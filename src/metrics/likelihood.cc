#include "metrics/likelihood.h"

#include <cmath>
#include <numbers>
#include <string>

namespace capstan::metrics {

Likelihood& Likelihood::operator+=(const Likelihood& other) {
    log_probability += other.log_probability;
    tokens += other.tokens;
    bytes += other.bytes;
    return *this;
}

Result<Likelihood> likelihood_of(std::span<const float> log_probabilities, std::uint64_t bytes) {
    constexpr float kRoundingMax = 1e-4F;
    Likelihood likelihood{.tokens = log_probabilities.size(), .bytes = bytes};
    for (std::size_t i = 0; i < log_probabilities.size(); ++i) {
        const float value = log_probabilities[i];
        if (!(value <= kRoundingMax)) {
            return Error{
                ErrorCode::kInvalid,
                "token " + std::to_string(i) + " has the log-probability " + std::to_string(value) +
                    "; it must be a number and at most 0"
            };
        }
        likelihood.log_probability += std::fmin(static_cast<double>(value), 0.0);
    }
    return likelihood;
}

Result<double> perplexity(const Likelihood& likelihood) {
    if (likelihood.tokens == 0) {
        return Error{ErrorCode::kInvalid, "no token was scored: there is no perplexity of nothing"};
    }
    return std::exp(-likelihood.log_probability / static_cast<double>(likelihood.tokens));
}

Result<double> bits_per_byte(const Likelihood& likelihood) {
    if (likelihood.bytes == 0) {
        return Error{ErrorCode::kInvalid, "the text has no bytes: there are no bits per byte of nothing"};
    }
    return -likelihood.log_probability / (static_cast<double>(likelihood.bytes) * std::numbers::ln2);
}

}  // namespace capstan::metrics
