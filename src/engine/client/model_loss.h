#pragma once

// What a model lost against the one that it was made from, on a text: perplexity of both, and how far the
// distributions of the next token are apart.

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "engine/kernels/kv_layout.h"
#include "engine/kernels/linear.h"

namespace capstan::engine {

struct LossOptions {
    std::filesystem::path source;
    std::filesystem::path made;
    std::string text;
    int threads = 1;
    std::int64_t window_tokens = 512;  // Windows begin with the first token, and do not see each other.
    std::int64_t tokens_max = 4'096;   // The text is cut behind them.
    // How the made model is run: its keys and values, and what its weights are rounded to when it is loaded.
    KvType kv_type = KvType::kF16;
    kernels::PackAs pack_as = kernels::PackAs::kStored;
};

struct ModelLoss {
    std::int64_t tokens = 0;  // That were predicted.
    double source_perplexity = 0;
    double perplexity = 0;
    // KL(source ‖ made) in nats, over all tokens of the vocabulary.
    double mean_divergence = 0;
    double divergence_max = 0;
    double same_top = 0;  // Share of positions where both think the same token most probable.
};

// kInvalid when the vocabularies differ in size, or the text has fewer than two tokens.
Result<ModelLoss> measure_loss(const LossOptions& options);

}  // namespace capstan::engine
