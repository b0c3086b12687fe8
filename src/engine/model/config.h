#pragma once

// The shape of a Llama model, read from config.json and generation_config.json of a Hugging Face directory.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "llm/message.h"

namespace capstan::engine {

enum class RopeScaling {
    kNone,
    kLinear,  // Positions divided by `factor`.
    kLlama3,  // Long wavelengths divided by `factor`, short ones kept, smooth between (Llama 3.1).
};

struct RopeConfig {
    double theta = 10'000;
    RopeScaling scaling = RopeScaling::kNone;
    double factor = 1;
    double low_frequency_factor = 1;
    double high_frequency_factor = 4;
    std::int64_t original_positions_max = 8192;
};

struct ModelConfig {
    std::int64_t vocabulary = 32'000;
    std::int64_t hidden = 4096;
    std::int64_t intermediate = 11'008;
    std::int64_t layers = 32;
    std::int64_t heads = 32;
    std::int64_t kv_heads = 32;   // Divides `heads`.
    std::int64_t head_dim = 128;  // Even.
    std::int64_t positions_max = 2048;
    double norm_epsilon = 1e-6;
    bool tied_embeddings = false;
    bool attention_bias = false;
    bool mlp_bias = false;
    RopeConfig rope;
    std::optional<llm::TokenId> bos;
    std::vector<llm::TokenId> end_tokens;  // Any of them ends a generation; sorted.
};

// kInvalid, naming the key, for another architecture, values out of range, and features that would change
// the result and are not there (quantisation, other rope types).
Result<ModelConfig> parse_config(std::string_view config_json);

// Adds the end tokens of generation_config.json to the configuration's.
Result<void> merge_generation_config(std::string_view generation_config_json, ModelConfig& config);

// Both files of a model directory; generation_config.json may be missing.
Result<ModelConfig> read_config(const std::filesystem::path& directory);

}  // namespace capstan::engine
