#pragma once

// A model folder's weights as integers with scales beside them, as another folder in the layout of
// compressed-tensors, which this engine and vLLM read.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "engine/client/calibration.h"
#include "engine/client/quantise_model.h"

namespace capstan::engine {

struct QuantiseFolder {
    std::filesystem::path source;  // In Hugging Face's layout.
    std::filesystem::path out;     // A folder that is not there, or empty.
    int bits = 8;                  // Or 4.
    int threads = 1;
    // What `calibrate` saw of the source, for activation-aware scaling (activation_scaling.h); empty: none.
    std::map<std::string, InputColumns> inputs = {};
    // Round by GPTQ on this text (gptq.h); its model and threads are those above.
    std::optional<CalibrationOptions> gptq = {};
};

// Matrices of linear layers get a binary16 scale for each 32 neighbours of a row, as Q8_0 and Q4_0;
// embeddings, heads, routers, vectors and what has other rows stay. Other files of the folder are copied.
// Norms that were scaled are kept as float32. Needs memory for the new weights, twice. kInvalid when nothing
// can be quantised, or the source is quantised already.
Result<QuantisedModel> quantise_folder(const QuantiseFolder& command);

}  // namespace capstan::engine
