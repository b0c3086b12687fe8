#pragma once

// A model in this process behind the contract of every model client: tokenizer and chat template around one
// engine thread.
//
// The caller's thread encodes the prompt, waits for tokens, decodes them, looks for stop strings and hands
// text out, so a slow caller slows nobody else.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/client/prompt_encoder.h"
#include "engine/client/request_grammars.h"
#include "engine/model/adapter_set.h"
#include "engine/scheduling/sleeping_engine.h"
#include "llm/model_client.h"

namespace capstan::engine {

struct ModelOptions {
    std::filesystem::path directory;                               // Hugging Face layout.
    std::map<std::string, std::filesystem::path> adapters = {};    // Name to PEFT directory.
    std::optional<kernels::LoraPrecision> adapter_precision = {};  // Without: as is usual beside the model.
    std::int64_t context_tokens_max = 0;                           // 0: the model's.
    std::size_t grammar_cache_bytes = GrammarCache::kBytesMax;
    EngineLimits engine = {};
};

// What only an engine can do, beyond llm::GenerateRequest, of which echo, scores, stop tokens and what they
// show are not looked at here. With `score_prompt`, completion_tokens_max may be 0.
struct GenerateOptions {
    bool score_prompt = false;      // Log-probabilities of the prompt's tokens, from the second on.
    bool rank_prompt = false;       // With score_prompt: the tokens' ranks.
    bool score_completion = false;  // And of the generated ones.
    int top_tokens = 0;             // With each score, so many of the most probable tokens; at most 20.
    bool ignore_end = false;        // Go on behind end tokens.
    std::stop_token stop = {};      // Cancels, also before the first token.
};

struct ScoredResult {
    llm::GenerateResult result;
    std::vector<llm::TokenId> prompt_tokens;
    std::vector<ScoredToken> prompt_scores;
    std::vector<ScoredToken> completion;  // Every generated token, an end token too; scored when asked for.
};

struct ModelStats {
    EngineStats engine;
    std::int64_t grammar_bytes = 0;  // Of kept grammars.
    std::vector<std::string> adapters;
};

// Thread-safe. No call may be under way when it is destroyed.
class LocalModel : public llm::ModelClient, public llm::Sleeper {
public:
    // kInvalid, naming file and key or tensor, for what cannot be run.
    static Result<std::unique_ptr<LocalModel>> open(const ModelOptions& options);

    // A prompt that leaves less room in the context than completion_tokens_max ends with kLength there.
    Result<std::unique_ptr<llm::Answer>> start(const llm::GenerateRequest& request, llm::OnChange on_change)
        override;
    Result<std::vector<std::unique_ptr<llm::Answer>>> start_many(
        const llm::GenerateRequest& request, std::size_t count, const llm::OnChange& on_change
    ) override;

    // Blocks; for what an llm::Answer does not tell.
    Result<ScoredResult> generate_scored(
        const llm::GenerateRequest& request, const GenerateOptions& options, const llm::OnText& on_text
    );

    // log p(tokens[i + 1] | tokens up to i), for all i: one less than there are tokens. kInvalid for none,
    // for more than the context, and for ids out of range.
    Result<std::vector<double>> token_log_probabilities(
        std::span<const llm::TokenId> tokens, const std::string& adapter
    );

    // The same for many texts, several at a time. Perplexity is exp(-mean) over all that comes out.
    Result<std::vector<std::vector<double>>> token_log_probabilities_of(
        std::span<const std::vector<llm::TokenId>> texts, const std::string& adapter
    );

    // kConflict when the name is taken; kNotFound when there is none.
    Result<void> load_adapter(const std::string& name, const std::filesystem::path& directory);
    Result<void> unload_adapter(const std::string& name);

    // Adapters stay; grammars are made again.
    void sleep() override {
        grammars_.forget();
        engine_->sleep();
    }

    Result<void> wake() override { return engine_->wake(); }

    bool is_asleep() const override { return engine_->is_asleep(); }

    // The most tokens that a prompt and its continuation may have together.
    std::int64_t context_tokens() const { return context_tokens_; }

    const ModelConfig& config() const { return engine_->config(); }

    const text::Tokenizer& tokenizer() const { return encoder_.tokenizer(); }

    const PromptEncoder& prompt_encoder() const { return encoder_; }

    ModelStats stats() const;

private:
    struct Parts {
        std::unique_ptr<SleepingEngine> engine;
        PromptEncoder encoder;
        std::optional<kernels::LoraPrecision> adapter_precision;
        std::int64_t context_tokens = 0;
        std::size_t grammar_cache_bytes = 0;
    };

    explicit LocalModel(Parts parts)
        : engine_(std::move(parts.engine)),
          encoder_(std::move(parts.encoder)),
          adapters_(parts.adapter_precision),
          context_tokens_(parts.context_tokens),
          grammars_(encoder_, config().end_tokens, parts.grammar_cache_bytes) {}

    Result<SequenceRequest> sequence_of(const llm::GenerateRequest& request, const GenerateOptions& options)
        const;
    std::vector<llm::TokenId> ends_of(const llm::GenerateRequest& request, bool ignores_end) const;
    Result<std::shared_ptr<TokenChannel>> submit_scoring(
        std::span<const llm::TokenId> tokens, const std::shared_ptr<const Adapter>& adapter
    );

    std::unique_ptr<SleepingEngine> engine_;
    PromptEncoder encoder_;
    AdapterSet adapters_;
    std::int64_t context_tokens_;
    mutable RequestGrammars grammars_;  // What it keeps changes no answer.
};

}  // namespace capstan::engine
