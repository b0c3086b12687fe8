#pragma once

// Model directories with random weights, complete with a byte-level tokenizer and the chat template of
// Capstan's own models: for benchmarks, and for tests of whatever serves a model.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/json.h"
#include "base/result.h"
#include "engine/files/data_type.h"
#include "engine/model/config.h"

namespace capstan::engine {

struct RandomModel {
    // The vocabulary must hold the tokenizer's 261 tokens: five special ones and the bytes.
    ModelConfig config = {
        .vocabulary = 272,
        .hidden = 64,
        .intermediate = 96,
        .layers = 2,
        .heads = 4,
        .kv_heads = 2,
        .head_dim = 16,
        .positions_max = 512,
        .norm_epsilon = 1e-5,
        .tied_embeddings = true,
        .rope = {},
        .bos = 0,
        .end_tokens = {0, 4},  // <|endoftext|> and <|end|>
    };
    DataType type = DataType::kF32;
    std::uint64_t seed = 1;
    float spread = 1.5F;      // Standard deviation of weights times √columns.
    float vector_spread = 0;  // Of norms around those that change nothing, and of biases around 0.
    // A whole config.json instead of `config`, for other architectures than Llama.
    std::optional<Json> config_json;
};

// Of `config` only shapes, the embeddings' tie and end tokens are used: no biases, plain rope.
Result<void> write_random_model(const std::filesystem::path& directory, const RandomModel& model);

// A LoRA adapter of all seven projections for such a model, none of them fused or in experts.
Result<void> write_random_adapter(
    const std::filesystem::path& directory, const RandomModel& model, std::int64_t rank
);

}  // namespace capstan::engine
