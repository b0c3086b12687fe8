#pragma once

// What a decoder is made of, read from config.json and generation_config.json of a Hugging Face directory.
// The forward pass knows only this description; architectures/ says how each family's keys become one.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/model/tensor_names.h"
#include "llm/message.h"

namespace capstan::engine {

enum class RopeScaling {
    kNone,
    kLinear,  // Positions divided by `factor`.
    kLlama3,  // Long wavelengths divided by `factor`, short ones kept, smooth between (Llama 3.1).
    kYarn,    // The same idea with a ramp over dimensions (Peng et al. 2023).
    kLong,    // A divisor for each frequency (LongRoPE, Phi 3).
};

struct RopeConfig {
    double theta = 10'000;
    RopeScaling scaling = RopeScaling::kNone;
    double factor = 1;
    double low_frequency_factor = 1;
    double high_frequency_factor = 4;
    double beta_fast = 32;        // YaRN: rotations in the original context over which frequencies are kept …
    double beta_slow = 1;         // … and below which they are divided.
    double attention_factor = 1;  // Cosines and sines are multiplied by it.
    std::int64_t original_positions_max = 8192;
    std::vector<double> divisors;  // kLong: [dimensions / 2].
    std::int64_t dimensions = 0;   // Of a head that turn, even; 0: all.
};

enum class NormKind {
    kRms,        // x / rms(x) · w
    kRmsOffset,  // x / rms(x) · (1 + w), as Gemma's
    kLayer,      // (x - mean) / deviation · w + b
};

enum class Activation { kSilu, kGelu, kGeluTanh };

struct Biases {
    bool query = false;
    bool key = false;
    bool value = false;
    bool output = false;
    bool gate = false;
    bool up = false;
    bool down = false;
};

struct ExpertConfig {
    std::int64_t count = 0;  // 0: plain layers only.
    std::int64_t used = 0;   // For each token; at most `count`.
    std::int64_t intermediate = 0;
    std::int64_t shared_intermediate = 0;  // Of the expert that all tokens use; 0: none.
    bool normalises = true;                // The weights of the used experts are made to sum to one.
};

// What may differ from layer to layer.
struct LayerPlan {
    std::int64_t window = 0;  // Positions that a row sees, its own among them; 0: all before it.
    bool uses_local_rope = false;
    bool has_experts = false;
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
    RopeConfig rope;
    std::optional<llm::TokenId> bos;
    std::vector<llm::TokenId> end_tokens;  // Any of them ends a generation; sorted.

    NormKind norm = NormKind::kRms;
    Activation activation = Activation::kSilu;
    bool is_gated = true;                  // act(gate) · up; else act(up).
    bool has_rope = true;                  // Else positions are learned, and added to the embeddings.
    std::optional<RopeConfig> local_rope;  // Of layers whose plan says so.
    double attention_scale = 0;            // Of the scores; 0: 1 / √head_dim.
    double score_softcap = 0;              // c: scores become c · tanh(score / c); 0: none.
    double logit_softcap = 0;              // The same for logits.
    double embedding_scale = 1;
    Biases biases;
    ExpertConfig experts;
    bool is_float32 = false;       // The model was saved so.
    bool is_packed_small = false;  // Its layers' matrices are in 8 bits or less, as they were loaded.
    std::vector<LayerPlan> plans;  // Layers behind the last one are plain.
    const TensorNames* names = &kLlamaNames;

    LayerPlan plan(std::int64_t layer) const {
        const auto index = static_cast<std::size_t>(layer);
        return index < plans.size() ? plans[index] : LayerPlan{};
    }
};

// kInvalid, naming the key, for an unknown architecture (with the list of known ones), values out of range,
// and features that would change the result and are not there (quantisation, other rope types).
Result<ModelConfig> parse_config(std::string_view config_json);
Result<ModelConfig> config_of(const Json& config_json);

// Adds the end tokens of generation_config.json to the configuration's.
Result<void> merge_generation_config(std::string_view generation_config_json, ModelConfig& config);

// Of a model directory, whose generation_config.json may be missing, or of a GGUF file.
Result<ModelConfig> read_config(const std::filesystem::path& path);

}  // namespace capstan::engine
