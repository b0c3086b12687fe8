#pragma once

// Texts in, one vector each or one score each: what embeddings and reranking are made of.
//
// Every token looks at all tokens of its own text. Texts of any lengths go through together, one behind the
// other without padding; what a text gives depends, to the bit, on that text only.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/kernels/linear.h"
#include "engine/kernels/thread_team.h"
#include "engine/model/attention.h"
#include "engine/model/elementwise.h"
#include "engine/model/encoder_config.h"
#include "engine/model/weights.h"
#include "llm/message.h"

namespace capstan::engine {

// With its special tokens, as the model's tokenizer puts them: "[CLS] a [SEP]", "[CLS] a [SEP] b [SEP]".
struct EncoderText {
    std::span<const llm::TokenId> tokens;  // At least one, at most config().tokens_max.
    std::span<const llm::TokenId> types;   // As many, below config().token_types; empty: all 0.
};

struct EncoderWeights {
    std::unique_ptr<Checkpoint> checkpoint;  // Owns what the matrices point to.
    kernels::PackedMatrix embedding;
    kernels::PackedMatrix positions;
    kernels::PackedMatrix token_types;
    Norm embedding_norm;
    std::vector<LayerWeights> layers;
    Linear pooler;  // Empty without a score head.
    Linear classifier;
};

// Used by one thread at a time.
class EncoderModel {
public:
    // Asked between parts of some thousand tokens; true ends a call with kCancelled. Empty: never.
    using MustStop = std::function<bool()>;

    // A model directory or a GGUF file.
    static Result<std::unique_ptr<EncoderModel>> open(
        const std::filesystem::path& path, int threads, kernels::PackAs as = kernels::PackAs::kStored
    );

    const EncoderConfig& config() const { return config_; }

    std::int64_t dimensions() const { return config_.shape.hidden; }

    bool can_score() const { return config_.score_head != ScoreHead::kNone; }

    // [texts, dimensions]: pooled, and of length one if the model says so. kInvalid for a text that is empty,
    // too long, or has a token that the model does not know.
    Result<std::vector<float>> embed(std::span<const EncoderText> texts, const MustStop& must_stop = {});

    // One logit for each text. kInvalid as `embed`, and for a model that makes embeddings.
    Result<std::vector<float>> score(std::span<const EncoderText> texts, const MustStop& must_stop = {});

private:
    EncoderModel(EncoderConfig config, EncoderWeights weights, std::unique_ptr<ThreadTeam> team);

    Result<void> check(std::span<const EncoderText> texts) const;
    // Calls `take(first text, count)` for parts of the texts, hidden_ being theirs. False when it was
    // stopped.
    template <typename Take>
    bool run_in_parts(std::span<const EncoderText> texts, const MustStop& must_stop, const Take& take);
    void run(std::span<const EncoderText> texts);
    void embed_tokens(std::span<const EncoderText> texts);
    void attend(std::span<const EncoderText> texts, const LayerWeights& weights);
    void run_mlp(const LayerWeights& weights);
    void multiply(const Linear& linear, const float* x, std::int64_t rows, float* y);
    // hidden = norm(hidden + projected + bias).
    void close_block(const Linear& linear, const Norm& norm);
    void pool(std::span<const float> hidden, float* out) const;

    EncoderConfig config_;
    EncoderWeights weights_;
    std::unique_ptr<ThreadTeam> team_;
    RowMath math_;
    Attention attention_;
    kernels::Activations inputs_;

    std::int64_t tokens_ = 0;    // Of the part that is being run.
    std::vector<float> hidden_;  // [tokens, hidden]
    std::vector<std::int64_t> lengths_;
    std::vector<float> query_;
    std::vector<float> key_;
    std::vector<float> value_;
    std::vector<float> attended_;
    std::vector<float> projected_;
    std::vector<float> up_;  // [tokens, intermediate]
};

}  // namespace capstan::engine
