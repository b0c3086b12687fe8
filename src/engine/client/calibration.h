#pragma once

// What the linear layers of a model are given on a text: how large each column of their inputs is, and which
// columns go together.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace capstan::engine {

struct InputColumns {
    std::vector<float> mean_magnitude;  // [columns]
    std::vector<float> mean_square;     // [columns]
};

struct CalibrationOptions {
    std::filesystem::path model;  // A GGUF file, or a folder.
    std::string text;
    int threads = 1;
    std::int64_t window_tokens = 512;
    std::int64_t tokens_max = 4'096;
};

// By the name of the matrix in the file, "blk.0.attn_q.weight" or "model.layers.0.self_attn.q_proj.weight"
// and so on; without experts' matrices. kInvalid for an empty text.
Result<std::map<std::string, InputColumns>> calibrate(const CalibrationOptions& options);

// Σ x·xᵀ of one input.
struct InputSums {
    std::vector<std::string> matrices;  // That it is given to; not all of these names need be in the file.
    std::int64_t columns = 0;
    std::vector<double> sums;  // [columns, columns]
};

// Calls `on_sums` once for each input of `calibrate`, layer by layer, and stops at its first error. The text
// is read once for as many layers as `bytes_max` has room for, at least one.
Result<void> calibrate_sums(
    const CalibrationOptions& options,
    std::int64_t bytes_max,
    const std::function<Result<void>(InputSums)>& on_sums
);

}  // namespace capstan::engine
