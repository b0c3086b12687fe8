#include "engine/client/local_embedder.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/client/submissions.h"
#include "engine/client/vector_scores.h"
#include "engine/model/config_file.h"
#include "engine/model/pooling.h"

namespace capstan::engine {
namespace {

constexpr std::size_t kAtOnceMax = 64;  // Texts of one call that run or wait in the engine.

Error given_up() {
    return {ErrorCode::kCancelled, "the call was given up before its texts were read"};
}

// Llama's tokenizers put an end token behind each text when tokenizer_config.json says "add_eos_token".
std::optional<llm::TokenId> end_token(const std::filesystem::path& model, const text::Tokenizer& tokenizer) {
    const auto config = read_json_file(model / "tokenizer_config.json");
    if (!config || !config->bool_or("add_eos_token", false)) {
        return std::nullopt;
    }
    const Json& token = (*config)["eos_token"];
    return tokenizer.id_of(
        token.is_object() ? token.string_or("content", "") : config->string_or("eos_token", "")
    );
}

Result<EmbeddingConfig> config_of(const EmbedderOptions& options) {
    const auto json = read_config_json(options.model);
    if (!json) {
        return json.error();
    }
    if (!json->bool_or("is_causal", true) || json->bool_or("use_bidirectional_attention", false)) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "'{}': decoders whose tokens look at those behind "
                "them cannot be run",
                options.model.string()
            )
        };
    }
    const auto found = read_embedding_config(options.model);
    if (!found) {
        return found.error();
    }
    if (!*found && !options.pooling) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("'{}' does not say how to pool: choose last or mean", options.model.string())
        };
    }
    EmbeddingConfig config = found->value_or(EmbeddingConfig{});
    config.pooling = options.pooling.value_or(config.pooling);
    return config;
}

}  // namespace

Result<std::unique_ptr<LocalEmbedder>> LocalEmbedder::open(const EmbedderOptions& options) {
    const auto config = config_of(options);
    if (!config) {
        return config.error();
    }
    EngineLimits limits = options.engine;
    limits.scheduler.output = EngineOutput::kVectors;
    auto engine = SleepingEngine::start(options.model, limits);
    if (!engine) {
        return engine.error();
    }
    auto encoder = PromptEncoder::open(options.model, (*engine)->config());
    if (!encoder) {
        return encoder.error();
    }
    std::int64_t tokens_max = std::min((*engine)->config().positions_max, (*engine)->kv_tokens_total());
    for (const std::int64_t limit : {options.context_tokens_max, config->tokens_max}) {
        tokens_max = limit > 0 ? std::min(tokens_max, limit) : tokens_max;
    }
    std::unique_ptr<LocalEmbedder> embedder(
        new LocalEmbedder(std::move(*engine), std::move(*encoder), *config)
    );
    embedder->tokens_max_ = tokens_max;
    embedder->end_ = end_token(options.model, embedder->encoder_.tokenizer());
    return embedder;
}

// Special tokens within a text are text.
Result<std::vector<llm::TokenId>> LocalEmbedder::encode(const llm::EncoderInput& input) const {
    std::vector<llm::TokenId> tokens;
    if (const auto* text = std::get_if<std::string>(&input)) {
        tokens =
            encoder_.tokenizer().encode(*text, {.add_special_tokens = true, .parse_special_tokens = false});
        if (end_ && (tokens.empty() || tokens.back() != *end_)) {
            tokens.push_back(*end_);
        }
    } else {
        tokens = std::get<std::vector<llm::TokenId>>(input);
    }
    auto checked = encoder_.encode(llm::Prompt(std::move(tokens)));
    if (checked && std::ssize(*checked) > tokens_max_) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("a text has {} tokens; 1 to {} can be read", checked->size(), tokens_max_)
        };
    }
    return checked;
}

Result<llm::Embeddings> LocalEmbedder::embed(
    std::span<const llm::EncoderInput> inputs, const llm::EncoderCall& call
) {
    std::vector<std::vector<llm::TokenId>> texts;
    llm::Embeddings all;
    for (const llm::EncoderInput& input : inputs) {
        auto tokens = encode(input);
        if (!tokens) {
            return with_context(fmt::format("input {}", texts.size()), tokens.error());
        }
        all.prompt_tokens += std::ssize(*tokens);
        texts.push_back(std::move(*tokens));
    }
    const auto engine = engine_->engine();
    if (!engine) {
        return engine.error();
    }
    const auto submit = [&](std::size_t i) {
        return (*engine)->submit(
            {.prompt = texts[i],
             .completion_tokens_max = 0,
             .pooling = config_.pooling,
             .deadline_at_ms = call.deadline_at_ms}
        );
    };
    const auto take = [&](TokenChannel& channel) -> Result<void> {
        const auto outcome = channel.outcome();
        if (!outcome || *outcome == llm::FinishReason::kCancelled) {
            return outcome ? given_up() : outcome.error();
        }
        all.vectors.push_back(channel.take_vector());
        if (config_.normalises) {
            scale_to_length_one(all.vectors.back());
        }
        return {};
    };
    if (auto done = submit_all({texts.size(), kAtOnceMax, call.stop}, submit, take); !done) {
        return done.error();
    }
    return all;
}

Result<llm::PairScores> LocalEmbedder::score(
    std::span<const llm::TextPair> pairs, const llm::EncoderCall& call
) {
    return score_by_cosine(*this, pairs, call);
}

}  // namespace capstan::engine
