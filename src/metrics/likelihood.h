#pragma once

// How well a language model foretells text: sums of log-probabilities, and what is made of them.

#include <cstdint>
#include <span>

#include "base/result.h"

namespace capstan::metrics {

// Of the tokens that were scored; sums of documents add up to a corpus's.
struct Likelihood {
    double log_probability = 0.0;  // Natural logarithm, summed.
    std::uint64_t tokens = 0;
    std::uint64_t bytes = 0;  // Of UTF-8 that these tokens stand for.

    Likelihood& operator+=(const Likelihood& other);
};

// kInvalid, saying which, for a log-probability that is NaN or above 0 (rounding up to 1e-4 counts as 0).
Result<Likelihood> likelihood_of(std::span<const float> log_probabilities, std::uint64_t bytes);

// exp(-mean log-probability of a token); infinite when a token was impossible. kInvalid without tokens.
Result<double> perplexity(const Likelihood& likelihood);

// Independent of the tokenizer: bits to write down one byte of the text. kInvalid without bytes.
Result<double> bits_per_byte(const Likelihood& likelihood);

}  // namespace capstan::metrics
