#pragma once

// The forward pass of a Llama model: a batch of rows in, logits out.
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
#include "engine/model/attention.h"
#include "engine/model/batch.h"
#include "engine/model/config.h"
#include "engine/model/weights.h"
#include "llm/message.h"

namespace capstan::engine {

// Used by one thread at a time.
class Model {
public:
    static Result<std::unique_ptr<Model>> open(const std::filesystem::path& directory, int threads);

    const ModelConfig& config() const { return config_; }

    KvShape kv_shape() const {
        return {.layers = config_.layers, .kv_heads = config_.kv_heads, .head_dim = config_.head_dim};
    }

    // Bytes of weights that are read for each batch.
    std::int64_t matmul_bytes() const { return weights_.matmul_bytes; }

    // Logits [rows that want them, vocabulary] in the order of the rows, until the next call.
    std::span<const float> forward(std::span<const BatchRow> rows);

private:
    Model(ModelConfig config, Weights weights, std::unique_ptr<ThreadTeam> team);

    void prepare(std::span<const BatchRow> rows);
    void attention_block(std::span<const BatchRow> rows, std::int64_t layer);
    void mlp_block(std::span<const BatchRow> rows, std::int64_t layer);
    std::span<const float> head(std::span<const BatchRow> rows);

    void normalise(const std::vector<float>& weight, std::int64_t rows);
    // `x` is what inputs_ was assigned.
    void project(
        std::span<const BatchRow> rows, std::int64_t layer, Projection projection, const float* x, float* y
    );
    void matmul(const kernels::WeightMatrix& weights, const float* x, std::int64_t rows, float* y);
    template <typename PairOf>
    void add_adapters(std::span<const BatchRow> rows, const PairOf& pair_of, const float* x, float* y);
    void add(float* y, const float* x, float scale, std::int64_t count) const;

    ModelConfig config_;
    Weights weights_;
    const kernels::KernelTable& kernels_;
    std::unique_ptr<ThreadTeam> team_;
    Attention attention_;
    std::vector<float> frequencies_;

    kernels::Activations inputs_;  // Of the product that is next.

    // Scratch, which grows to the largest batch and stays.
    std::vector<float> hidden_;   // [rows, hidden]
    std::vector<float> normed_;   // [rows, hidden]
    std::vector<float> cosines_;  // [rows, head_dim / 2]
    std::vector<float> sines_;
    std::vector<float> query_;
    std::vector<float> key_;
    std::vector<float> value_;
    std::vector<float> attended_;  // [rows, heads × head_dim]
    std::vector<float> gate_;
    std::vector<float> up_;
    std::vector<float> projected_;   // [rows, hidden]
    std::vector<float> lora_inner_;  // [rows of one adapter, rank]
    std::vector<float> lora_outer_;  // [rows of one adapter, out]
    std::vector<BatchRow> head_rows_;
    std::vector<float> logits_;
};

}  // namespace capstan::engine
