#pragma once

// Our tokenizer as the corpus reader needs it.

#include <filesystem>

#include "base/result.h"
#include "trainer/corpus.h"

namespace capstan::trainer {

struct LoadedEncoder {
    TextEncoder encoder;
    std::int64_t vocabulary_size = 0;
};

// From tokenizer.json. Special tokens that it lacks are -1 among the markers.
Result<LoadedEncoder> load_encoder(const std::filesystem::path& file);

}  // namespace capstan::trainer
