#pragma once

// The shape of a Llama, and how Hugging Face's config.json says it.

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::trainer {

struct ModelShape {
    std::int64_t vocab_size = 4096;
    std::int64_t hidden_size = 256;
    std::int64_t intermediate_size = 704;
    std::int64_t layers = 4;
    std::int64_t heads = 4;
    std::int64_t kv_heads = 2;  // Divides `heads`.
    std::int64_t head_dim = 64;
    std::int64_t positions_max = 1024;
    double rope_theta = 10'000;
    double rms_norm_eps = 1e-5;
    bool tie_word_embeddings = true;

    bool operator==(const ModelShape&) const = default;
};

// kInvalid, naming the key of config.json, when the sizes are out of range or do not go together.
Result<void> check_shape(const ModelShape& shape);

// Parameters of the whole model; a tied embedding counts once.
std::int64_t parameter_count(const ModelShape& shape);

// What config.json says. kInvalid for what this trainer does not do: other architectures, biases, scaled
// RoPE, an activation other than silu. Reads `rope_theta` and the newer `rope_parameters`.
Result<ModelShape> read_model_config(const Json& config);

// A config.json that transformers loads as LlamaForCausalLM.
//   end_tokens  Where generation stops; the first is also the beginning and padding token.
Json model_config(const ModelShape& shape, const std::vector<std::int64_t>& end_tokens);

// generation_config.json: greedy by default, stops at `end_tokens`.
Json generation_config(const ModelShape& shape, const std::vector<std::int64_t>& end_tokens);

}  // namespace capstan::trainer
