#include "engine/client/vector_scores.h"

#include <cmath>
#include <vector>

namespace capstan::engine {
namespace {

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
    double product = 0;
    double a_squares = 0;
    double b_squares = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const auto x = static_cast<double>(a[i]);
        const auto y = static_cast<double>(b[i]);
        product += x * y;
        a_squares += x * x;
        b_squares += y * y;
    }
    const double lengths = std::sqrt(a_squares * b_squares);
    return lengths > 0 ? product / lengths : 0;
}

}  // namespace

Result<llm::PairScores> score_by_cosine(
    llm::EncoderClient& encoder, std::span<const llm::TextPair> pairs, const llm::EncoderCall& call
) {
    std::vector<llm::EncoderInput> inputs;
    for (const llm::TextPair& pair : pairs) {
        inputs.emplace_back(pair.first);
        inputs.emplace_back(pair.second);
    }
    const auto embedded = encoder.embed(inputs, call);
    if (!embedded) {
        return embedded.error();
    }
    llm::PairScores all{.scores = {}, .prompt_tokens = embedded->prompt_tokens};
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const double likeness = cosine(embedded->vectors[2 * i], embedded->vectors[2 * i + 1]);
        all.scores.push_back(static_cast<float>(likeness));
    }
    return all;
}

}  // namespace capstan::engine
