#pragma once

// The forward pass of a decoder: a batch of rows in, logits out.
//
// A row is one token of one sequence at one position. Rows of several sequences go through together, some of
// them prefilling and some decoding, each with its own adapter; what a row computes depends, to the bit, on
// its own sequence only.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/thread_team.h"
#include "engine/model/adapter.h"
#include "engine/model/attention_block.h"
#include "engine/model/batch.h"
#include "engine/model/config.h"
#include "engine/model/expert_block.h"
#include "engine/model/mlp_block.h"
#include "engine/model/projector.h"
#include "engine/model/weights.h"
#include "llm/message.h"

namespace capstan::engine {

// Used by one thread at a time.
class Model {
public:
    static Result<std::unique_ptr<Model>> open(
        const std::filesystem::path& directory,
        int threads,
        kernels::PackAs pack_as = kernels::PackAs::kStored
    );

    const ModelConfig& config() const { return config_; }

    // Of a cache for this model, whose keys and values are kept as `type`.
    KvShape kv_shape(KvType type = KvType::kF16) const {
        return {
            .layers = config_.layers, .kv_heads = config_.kv_heads, .head_dim = config_.head_dim, .type = type
        };
    }

    // Bytes of weights that are read for each batch.
    std::int64_t matmul_bytes() const { return weights_.matmul_bytes; }

    // Null for nobody; it outlives this, or the next call.
    void observe(InputObserver* observer) { projector_.observe(observer); }

    // Logits [rows that want them, vocabulary] in the order of the rows, until the next call.
    std::span<const float> forward(std::span<const BatchRow> rows);

    // What the head would be given, [rows that want logits, hidden], until the next call: the last layer's
    // rows behind the final norm, of which embeddings are made.
    std::span<const float> forward_hidden(std::span<const BatchRow> rows);

private:
    Model(ModelConfig config, Weights weights, std::unique_ptr<ThreadTeam> team);

    // Leaves kept_rows_ and, of them, normed_.
    void run_layers(std::span<const BatchRow> rows);
    void embed(std::span<const BatchRow> rows);
    void keep_wanted(std::span<const BatchRow> rows);
    // hidden += what a block projected; then the norm that is next.
    void close_block(std::int64_t rows, const Linear* linear, const Norm& post_norm, const Norm& next_norm);

    ModelConfig config_;
    Weights weights_;
    std::unique_ptr<ThreadTeam> team_;
    RowMath math_;
    Projector projector_;
    AttentionBlock attention_;
    MlpBlock mlp_;
    ExpertBlock experts_;

    std::vector<float> hidden_;     // [rows, hidden]
    std::vector<float> normed_;     // [rows, hidden]: what the next block sees.
    std::vector<float> projected_;  // [rows, hidden]: what it adds.
    std::vector<BatchRow> kept_rows_;
    std::vector<float> logits_;
};

}  // namespace capstan::engine
