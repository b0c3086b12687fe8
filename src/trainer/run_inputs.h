#pragma once

// What a run starts from: the model (new, or read) and the tokenised data.

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "trainer/batches.h"
#include "trainer/corpus.h"
#include "trainer/spec.h"
#include "trainer/token_file.h"

namespace capstan::trainer {

struct StartingModel {
    ModelShape shape;
    std::vector<float> frozen;  // The base of an adapter; empty otherwise.
    std::vector<float> values;  // Of the model to go on training; empty: start at random.
    std::vector<std::int64_t> end_tokens;
    std::filesystem::path tokenizer;         // Empty when there is none: records hold tokens.
    std::filesystem::path tokenizer_config;  // May be empty.
    TextEncoder encoder;
};

// The base model's weights when the specification names one, and the tokenizer: the specification's, or the
// base model's.
Result<StartingModel> load_model(const TrainSpec& spec);

// The sources refer to the files, so this stays where it is.
struct RunData {
    std::optional<TokenFile> train_file;
    std::optional<BatchSource> train;
    std::vector<Batch> heldout;
};

// Tokenises what is not yet in `work`.
Result<std::unique_ptr<RunData>> load_data(
    const TrainSpec& spec, const StartingModel& model, const std::filesystem::path& work
);

}  // namespace capstan::trainer
