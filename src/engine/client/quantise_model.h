#pragma once

// A model's weights as a GGUF file, in fewer bits or as they are: round to nearest, or with the least error
// where a calibration says that it counts.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "engine/client/calibration.h"
#include "engine/files/mixture.h"

namespace capstan::engine {

struct QuantiseModel {
    std::filesystem::path source;  // A GGUF file, or a folder in Hugging Face's layout (gguf_draft.h).
    std::filesystem::path out;
    std::optional<Mixture> mixture = Mixture::kQ8_0;  // Nothing: each tensor keeps its type.
    int threads = 1;
    // What `calibrate` saw of the source, for activation-aware scaling (activation_scaling.h) and rounding;
    // empty: round to nearest.
    std::map<std::string, InputColumns> inputs = {};
    // Round by GPTQ on this text where the type allows it (gptq.h); its model and threads are those above.
    std::optional<CalibrationOptions> gptq = {};
    // Called after each tensor, with the share of all weights that are done; may be empty.
    std::function<void(double)> on_progress = {};
};

struct QuantisedModel {
    std::int64_t source_bytes = 0;  // Of the tensors.
    std::int64_t bytes = 0;
    std::int64_t tensors = 0;            // All.
    std::int64_t quantised_tensors = 0;  // Of another type than before.
    std::int64_t scaled_tensors = 0;     // Whose columns were scaled first.
    std::int64_t gptq_tensors = 0;       // Rounded by GPTQ.
};

// Vectors, routers and learned positions stay as they are; those of a folder become F32, as llama.cpp wants
// them. The file appears when all is written. Needs memory for some rows only. kInvalid when the source is
// the output, and as GgufDraft::of says.
Result<QuantisedModel> quantise_model(const QuantiseModel& command);

}  // namespace capstan::engine
