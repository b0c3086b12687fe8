#pragma once

// An encoder in this process behind the contract of llm/encoder_client.h: its tokenizer and the model.

#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/model/encoder_model.h"
#include "llm/encoder_client.h"
#include "text/tokenizer.h"

namespace capstan::engine {

class LocalEncoder final : public llm::EncoderClient {
public:
    // A folder in Hugging Face's layout or a GGUF file. Errors name the file.
    static Result<std::unique_ptr<LocalEncoder>> open(const std::filesystem::path& model, int threads);

    Result<llm::Embeddings> embed(std::span<const llm::EncoderInput> inputs) override;
    Result<llm::PairScores> score(std::span<const llm::TextPair> pairs) override;

    std::int64_t tokens_max() const override { return tokens_max_; }

private:
    LocalEncoder(text::Tokenizer tokenizer, std::unique_ptr<EncoderModel> model)
        : tokenizer_(std::move(tokenizer)),
          model_(std::move(model)),
          tokens_max_(model_->config().tokens_max) {}

    Result<llm::PairScores> score_by_cosine(std::span<const llm::TextPair> pairs);

    text::Tokenizer tokenizer_;
    std::mutex mutex_;  // Guards the model: one call at a time, which uses all its threads.
    std::unique_ptr<EncoderModel> model_;
    std::int64_t tokens_max_;
};

}  // namespace capstan::engine
