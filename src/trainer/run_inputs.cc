#include "trainer/run_inputs.h"

#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "trainer/base_model.h"
#include "trainer/text_encoder.h"

namespace capstan::trainer {
namespace {

namespace fs = std::filesystem;

// `named`, or else the file in `folder` if it is there.
fs::path named_or_in(const fs::path& named, const fs::path& folder, const char* file) {
    std::error_code failed;
    return named.empty() && !folder.empty() && fs::exists(folder / file, failed) ? folder / file : named;
}

Result<void> load_tokenizer(StartingModel& model) {
    auto loaded = load_encoder(model.tokenizer);
    if (!loaded) {
        return loaded.error();
    }
    if (loaded->vocabulary_size > model.shape.vocab_size) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "model.vocab_size is {}; the tokenizer has {} tokens",
                model.shape.vocab_size,
                loaded->vocabulary_size
            )
        };
    }
    model.encoder = std::move(loaded->encoder);
    if (model.end_tokens.empty()) {
        for (const auto marker : {model.encoder.markers.end_of_text, model.encoder.markers.end}) {
            if (marker >= 0) {
                model.end_tokens.push_back(marker);
            }
        }
    }
    return {};
}

}  // namespace

Result<StartingModel> load_model(const TrainSpec& spec) {
    StartingModel model;
    model.shape = spec.model;
    if (!spec.base_model.empty()) {
        auto base = read_base_model(spec.base_model);
        if (!base) {
            return with_context("base_model", base.error());
        }
        model.shape = base->shape;
        model.end_tokens = std::move(base->end_tokens);
        (spec.task == Task::kLora ? model.frozen : model.values) = std::move(base->values);
    }
    if (spec.batch.sequence_tokens > model.shape.positions_max) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "batch.sequence_tokens is {}; the model has {} positions",
                spec.batch.sequence_tokens,
                model.shape.positions_max
            )
        };
    }
    model.tokenizer = named_or_in(spec.tokenizer, spec.base_model, "tokenizer.json");
    model.tokenizer_config =
        named_or_in(spec.tokenizer_config, model.tokenizer.parent_path(), "tokenizer_config.json");
    if (!model.tokenizer.empty()) {
        if (auto loaded = load_tokenizer(model); !loaded) {
            return with_context("tokenizer", loaded.error());
        }
    }
    return model;
}

Result<std::unique_ptr<RunData>> load_data(
    const TrainSpec& spec, const StartingModel& model, const fs::path& work
) {
    const CorpusLimits limits{model.shape.vocab_size, spec.batch.sequence_tokens};
    auto data = std::make_unique<RunData>();
    auto train = tokenised_corpus(spec.train, model.encoder, limits, work / "train.tokens");
    if (!train) {
        return with_context("data.train", train.error());
    }
    data->train_file = std::move(*train);
    auto source = BatchSource::make(*data->train_file, spec.batch, spec.seed);
    if (!source) {
        return with_context("data.train", source.error());
    }
    data->train.emplace(std::move(*source));
    if (data->train_file->truncated() > 0) {
        log_warning(
            "conversations were cut to batch.sequence_tokens",
            {{"conversations", data->train_file->truncated()}}
        );
    }
    if (spec.heldout.empty()) {
        return data;
    }
    const auto heldout = tokenised_corpus(spec.heldout, model.encoder, limits, work / "heldout.tokens");
    if (!heldout) {
        return with_context("data.heldout", heldout.error());
    }
    const auto heldout_source = BatchSource::make(*heldout, spec.batch, spec.seed);
    if (!heldout_source) {
        return with_context("data.heldout", heldout_source.error());
    }
    data->heldout = heldout_source->sample(spec.eval_sequences);
    return data;
}

}  // namespace capstan::trainer
