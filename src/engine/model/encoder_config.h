#pragma once

// What an encoder is made of (BERT, RoBERTa, XLM-R and what is trained from them: MiniLM, BGE, E5, …), read
// from config.json and from the files that sentence-transformers puts beside it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "engine/model/config.h"

namespace capstan::engine {

// How one vector is made of a text's tokens.
enum class Pooling { kMean, kFirst, kLast, kMax };

// What turns a pair of texts into one score.
enum class ScoreHead {
    kNone,    // The model makes embeddings.
    kPooler,  // tanh(pooler · first), then a classifier (BERT).
    kDense,   // The classifier has both layers (RoBERTa).
};

struct EncoderNames {
    TensorNames layers;
    std::string_view token_types = "embeddings.token_type_embeddings";
    std::string_view embedding_norm = "embeddings.LayerNorm";
    std::string_view pooler = "pooler.dense";
    std::string_view classifier = "classifier";
};

struct EncoderConfig {
    ModelConfig shape;  // Layers as a decoder's, but norms come after each block's sum.
    std::int64_t token_types = 2;
    std::int64_t position_offset = 0;  // Of the first token: RoBERTa's are counted from the padding's id + 1.
    std::int64_t tokens_max = 512;     // Of one text.
    Pooling pooling = Pooling::kMean;
    bool normalises = true;  // Embeddings have length one.
    ScoreHead score_head = ScoreHead::kNone;
    const EncoderNames* names = nullptr;
};

// True when config.json (or the GGUF file) says that this is an encoder.
bool is_encoder(const Json& config_json);

// kInvalid, naming the key, for an unknown architecture, values out of range and what would change the result
// and is not there.
Result<EncoderConfig> parse_encoder_config(const Json& config_json);

// Of a model directory, or of a GGUF file. Without modules.json embeddings are means of length one.
Result<EncoderConfig> read_encoder_config(const std::filesystem::path& path);

// How a decoder's rows become vectors.
struct EmbeddingConfig {
    Pooling pooling = Pooling::kLast;  // Or kMean.
    bool normalises = true;            // They have length one.
    std::int64_t tokens_max = 0;       // Of one text; 0: what the decoder reads.
};

// What sentence-transformers' files in a decoder's folder (modules.json and those that it names) or a GGUF
// file's pooling_type say; nothing when there is neither: then it generates. kInvalid for what cannot be run.
Result<std::optional<EmbeddingConfig>> read_embedding_config(const std::filesystem::path& path);

// "last" and "mean".
std::optional<Pooling> decoder_pooling_named(std::string_view name);

// The pooling and normalisation that modules.json asks for; `directory` has the folders that it names.
Result<void> read_modules(const std::filesystem::path& directory, EncoderConfig& config);

// What a 1_Pooling/config.json chooses. kInvalid when it is not exactly one way.
Result<Pooling> parse_pooling(const Json& config_json);

}  // namespace capstan::engine
