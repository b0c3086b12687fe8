#include "engine/client/local_encoder.h"

#include <cmath>
#include <utility>

#include "engine/files/model_text.h"

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

Result<std::unique_ptr<LocalEncoder>> LocalEncoder::open(const std::filesystem::path& model, int threads) {
    auto opened = EncoderModel::open(model, threads);
    if (!opened) {
        return opened.error();
    }
    auto tokenizer = load_tokenizer(model);
    if (!tokenizer) {
        return tokenizer.error();
    }
    return std::unique_ptr<LocalEncoder>(new LocalEncoder(std::move(*tokenizer), std::move(*opened)));
}

Result<llm::Embeddings> LocalEncoder::embed(std::span<const llm::EncoderInput> inputs) {
    std::vector<std::vector<llm::TokenId>> tokens;
    std::vector<EncoderText> texts;
    llm::Embeddings all;
    for (const llm::EncoderInput& input : inputs) {
        const auto* ids = std::get_if<std::vector<llm::TokenId>>(&input);
        tokens.push_back(
            ids != nullptr ? *ids
                           : tokenizer_.encode(
                                 std::get<std::string>(input),
                                 {.add_special_tokens = true, .parse_special_tokens = false}
                             )
        );
        all.prompt_tokens += std::ssize(tokens.back());
    }
    for (const auto& ids : tokens) {
        texts.push_back({.tokens = ids, .types = {}});
    }
    const std::scoped_lock lock(mutex_);
    const auto values = model_->embed(texts);
    if (!values) {
        return values.error();
    }
    const auto dimensions = static_cast<std::size_t>(model_->dimensions());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto row = std::span(*values).subspan(i * dimensions, dimensions);
        all.vectors.emplace_back(row.begin(), row.end());
    }
    return all;
}

Result<llm::PairScores> LocalEncoder::score(std::span<const llm::TextPair> pairs) {
    if (!model_->can_score()) {
        return score_by_cosine(pairs);
    }
    std::vector<text::EncodedPair> encoded;
    std::vector<EncoderText> texts;
    llm::PairScores all;
    for (const llm::TextPair& pair : pairs) {
        encoded.push_back(tokenizer_.encode_pair(
            pair.first, pair.second, {.add_special_tokens = true, .parse_special_tokens = false}
        ));
        all.prompt_tokens += std::ssize(encoded.back().ids);
    }
    for (const text::EncodedPair& pair : encoded) {
        texts.push_back({.tokens = pair.ids, .types = pair.type_ids});
    }
    const std::scoped_lock lock(mutex_);
    auto logits = model_->score(texts);
    if (!logits) {
        return logits.error();
    }
    all.scores = std::move(*logits);
    for (float& score : all.scores) {
        score = 1 / (1 + std::exp(-score));
    }
    return all;
}

Result<llm::PairScores> LocalEncoder::score_by_cosine(std::span<const llm::TextPair> pairs) {
    std::vector<llm::EncoderInput> inputs;
    for (const llm::TextPair& pair : pairs) {
        inputs.emplace_back(pair.first);
        inputs.emplace_back(pair.second);
    }
    const auto embedded = embed(inputs);
    if (!embedded) {
        return embedded.error();
    }
    llm::PairScores all{.scores = {}, .prompt_tokens = embedded->prompt_tokens};
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        all.scores.push_back(static_cast<float>(cosine(embedded->vectors[2 * i], embedded->vectors[2 * i + 1])
        ));
    }
    return all;
}

}  // namespace capstan::engine
