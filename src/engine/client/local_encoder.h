#pragma once

// An encoder in this process behind the contract of llm/encoder_client.h: its tokenizer and the model.

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/model/encoder_model.h"
#include "llm/encoder_client.h"
#include "llm/sleeper.h"
#include "text/tokenizer.h"

namespace capstan::engine {

class LocalEncoder final : public llm::EncoderClient, public llm::Sleeper {
public:
    // A folder in Hugging Face's layout or a GGUF file. Errors name the file.
    static Result<std::unique_ptr<LocalEncoder>> open(const std::filesystem::path& model, int threads);

    Result<llm::Embeddings> embed(std::span<const llm::EncoderInput> inputs, const llm::EncoderCall& call)
        override;
    Result<llm::PairScores> score(std::span<const llm::TextPair> pairs, const llm::EncoderCall& call)
        override;

    std::int64_t tokens_max() const override { return tokens_max_; }

    // Waits for the call that the model works for.
    void sleep() override;
    Result<void> wake() override;
    bool is_asleep() const override;

private:
    struct Parts {
        std::filesystem::path path;
        int threads = 1;
        text::Tokenizer tokenizer;
        std::unique_ptr<EncoderModel> model;
    };

    explicit LocalEncoder(Parts parts)
        : path_(std::move(parts.path)),
          threads_(parts.threads),
          tokenizer_(std::move(parts.tokenizer)),
          model_(std::move(parts.model)),
          tokens_max_(model_->config().tokens_max),
          dimensions_(static_cast<std::size_t>(model_->dimensions())),
          can_score_(model_->can_score()) {}

    // Lets the next call begin; with a model, when it was asleep.
    void set_free(std::unique_ptr<EncoderModel> woken);

    // Waits for the model, as long as the call may.
    Result<std::vector<float>> run(
        const llm::EncoderCall& call,
        const std::function<Result<std::vector<float>>(const EncoderModel::MustStop&)>& work
    );

    std::filesystem::path path_;
    int threads_;
    text::Tokenizer tokenizer_;
    mutable std::mutex mutex_;  // Guards is_busy_, and model_ but for the work of who is busy.
    std::condition_variable_any freed_;
    bool is_busy_ = false;                 // The model works: one call at a time, which uses all its threads.
    std::unique_ptr<EncoderModel> model_;  // Null: asleep.
    std::int64_t tokens_max_;
    std::size_t dimensions_;
    bool can_score_;
};

}  // namespace capstan::engine
