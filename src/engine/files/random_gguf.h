#pragma once

// GGUF files of Llama models with random weights, for benchmarks and tests: what they say is noise, but they
// load and run here and in other engines, with the types of tensors that a real file of that name has.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "engine/files/mixture.h"

namespace capstan::engine {

// Embeddings are tied.
struct LlamaShape {
    std::string_view name = "";
    std::int64_t hidden = 0;
    std::int64_t layers = 0;
    std::int64_t heads = 0;
    std::int64_t kv_heads = 0;
    std::int64_t intermediate = 0;
    std::int64_t vocabulary =
        0;  // 128,256: a byte-level BPE as Llama 3's; else SentencePiece's, at least 400.
    std::int64_t context = 0;
    float rope_theta = 10'000;
};

// "15M", "110M" or "1.2B".
std::optional<LlamaShape> find_llama_shape(std::string_view name);

struct RandomGguf {
    LlamaShape shape;
    Mixture mixture = Mixture::kQ8_0;
    std::uint64_t seed = 1;
    std::int64_t pool_blocks = 8'192;  // For each type and length of rows.
};

// Normal weights of standard deviation 1/√columns. They are drawn from a pool of blocks, so that writing
// costs no more than copying: about 1 GB/s.
Result<void> write_random_gguf(const std::filesystem::path& path, const RandomGguf& model);

}  // namespace capstan::engine
