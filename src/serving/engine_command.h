#pragma once

// `capstan engine`: serves one model, with its adapters, over HTTP until it is told to stop. A model that
// makes embeddings, or scores of pairs, is told by its config.json, or by the files of sentence-transformers
// beside it.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"

namespace capstan::serving {

struct EngineCommand {
    std::filesystem::path model;  // Folder in Hugging Face's layout, or a GGUF file.
    std::string name;             // What callers name in `model`; empty: the folder's or file's name.
    std::map<std::string, std::filesystem::path> adapters;  // What callers name in `model` → PEFT folder.
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;           // 0: any free one.
    std::filesystem::path port_file;  // Gets the port once the engine listens; empty: none.
    std::filesystem::path url_file;   // Gets the URL, by this machine's name; empty: none.
    int threads = 1;
    std::int64_t context_tokens_max = 0;  // 0: the model's.
    std::int64_t kv_cache_bytes = std::int64_t{256} << 20;
    // Beside it, for sequences that must make place for others.
    std::int64_t spill_bytes = std::int64_t{256} << 20;
    int calls_max = 1024;    // At one time; more are answered 429.
    int running_max = 0;     // Sequences in one batch; 0: the engine's default.
    int waiting_max = 1024;  // Sequences that wait for a place in the batch; more are answered 429.
    std::int64_t deadline_ms_max = 3'600'000;  // Of a call, unless it asks for less.
    std::string kv_type = "f16";               // f32, f16, i8 or i4.
    std::string quantize;                      // int8, int4 or empty: weights as they are stored.
    int adapter_bits = 0;                      // 8, 16, or 0: 8 where the weights have no more.
    std::string pooling;                 // last or mean: a decoder makes vectors; empty: what its files say.
    std::filesystem::path draft_model;   // Guesses tokens; of the same vocabulary. Empty: none.
    int guesses_max = 0;                 // Of a sequence in one step; 0: no speculation.
    std::filesystem::path prefix_cache;  // Folder for prompts that memory has no room for; empty: none.
    std::int64_t prefix_cache_bytes = std::int64_t{4} << 30;
    std::int64_t grammar_cache_bytes = std::int64_t{512} << 20;  // What answers must look like, made ready.
    bool adapters_may_change = false;                            // By callers, while it runs.
    std::string version = {};                                    // What /version says.
};

// Blocks until SIGTERM or SIGINT; then ends what runs, for up to 10 s. Errors are those of the model and of
// the port.
Result<void> run_engine(const EngineCommand& command);

}  // namespace capstan::serving
