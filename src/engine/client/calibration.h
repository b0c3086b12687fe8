#pragma once

// What the linear layers of a model are given on a text: how large each column of their inputs is.

#include <cstdint>
#include <filesystem>
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
    std::filesystem::path model;  // A GGUF file.
    std::string text;
    int threads = 1;
    std::int64_t window_tokens = 512;
    std::int64_t tokens_max = 4'096;
};

// By the name of the matrix in the file, "blk.0.attn_q.weight" and so on; without experts' matrices. kInvalid
// for an empty text.
Result<std::map<std::string, InputColumns>> calibrate(const CalibrationOptions& options);

}  // namespace capstan::engine
