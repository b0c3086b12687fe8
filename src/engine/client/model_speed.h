#pragma once

// How fast a model runs on this machine, below any server: tokens a second in prefilling, in decoding, and in
// several decodes together, as llama-bench measures them for other engines.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/result.h"

namespace capstan::engine {

struct SpeedOptions {
    std::filesystem::path model;  // A folder or a GGUF file.
    int threads = 1;
    std::int64_t prompt_tokens = 512;
    std::int64_t decode_tokens = 128;         // Of each sequence, from an empty context on.
    std::vector<std::int64_t> streams = {1};  // Sequences that decode together.
    std::int64_t chunk_tokens = 512;          // Of a prompt, in one step.
    int repeats = 3;
    std::int64_t read_bytes = std::int64_t{1} << 30;  // More than any cache holds.
};

struct DecodeSpeed {
    std::int64_t streams = 1;
    std::vector<double> tokens_per_second;  // Of all streams together, one a repeat.
};

struct ModelSpeed {
    double load_seconds = 0;
    std::int64_t weight_bytes = 0;  // Read for each step.
    std::vector<double> prefill_tokens_per_second;
    std::vector<DecodeSpeed> decode;
    // Of memory, with as many threads, before and after: the limit of decoding one sequence.
    std::vector<double> read_bytes_per_second;
};

// kInvalid for numbers out of range, and the errors of opening the model.
Result<ModelSpeed> measure_speed(const SpeedOptions& options);

}  // namespace capstan::engine
