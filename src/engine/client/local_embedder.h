#pragma once

// A decoder in this process that makes vectors of texts (Qwen3-Embedding, E5-mistral, …), behind the contract
// of llm/encoder_client.h. Texts of all callers go through the engine's scheduler, many in a batch, and share
// the pages of what they begin with.

#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "engine/client/prompt_encoder.h"
#include "engine/model/encoder_config.h"
#include "engine/scheduling/sleeping_engine.h"
#include "llm/encoder_client.h"

namespace capstan::engine {

struct EmbedderOptions {
    std::filesystem::path model;          // Folder in Hugging Face's layout, or a GGUF file.
    std::int64_t context_tokens_max = 0;  // 0: the model's.
    std::optional<Pooling> pooling = {};  // kLast or kMean; what the model's files say when there is none.
    EngineLimits engine = {};
};

// Thread-safe. No call may be under way when it is destroyed.
class LocalEmbedder final : public llm::EncoderClient, public llm::Sleeper {
public:
    // kInvalid, naming file and key, for what cannot be run, and when nothing says how to pool.
    static Result<std::unique_ptr<LocalEmbedder>> open(const EmbedderOptions& options);

    Result<llm::Embeddings> embed(std::span<const llm::EncoderInput> inputs, const llm::EncoderCall& call)
        override;
    Result<llm::PairScores> score(std::span<const llm::TextPair> pairs, const llm::EncoderCall& call)
        override;

    std::int64_t tokens_max() const override { return tokens_max_; }

    std::int64_t dimensions() const { return engine_->config().hidden; }

    EngineStats stats() const { return engine_->stats(); }

    void sleep() override { engine_->sleep(); }

    Result<void> wake() override { return engine_->wake(); }

    bool is_asleep() const override { return engine_->is_asleep(); }

private:
    LocalEmbedder(
        std::unique_ptr<SleepingEngine> engine, PromptEncoder encoder, const EmbeddingConfig& config
    )
        : engine_(std::move(engine)), encoder_(std::move(encoder)), config_(config) {}

    Result<std::vector<llm::TokenId>> encode(const llm::EncoderInput& input) const;

    std::unique_ptr<SleepingEngine> engine_;
    PromptEncoder encoder_;
    EmbeddingConfig config_;
    std::int64_t tokens_max_ = 0;
    std::optional<llm::TokenId> end_;  // Behind each text, when the tokenizer does not put it there.
};

}  // namespace capstan::engine
