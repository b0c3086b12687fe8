#pragma once

// The names that GGUF files have for ways to cut words ("tokenizer.ggml.pre").

#include <string_view>

#include "base/result.h"
#include "text/normalizer.h"
#include "text/pretokenizer.h"

namespace capstan::text {

struct GgufPretokenizer {
    Pretokenizer pretokenizer;
    Normalizer normalizer;
    bool ignore_merges = false;  // A word that is a token is that token, whatever the merges say.
    bool adds_bos = false;       // Unless the file says otherwise.
};

// By name; an empty one is "default". kInvalid for one that is not known.
Result<GgufPretokenizer> gguf_pretokenizer(std::string_view name);

}  // namespace capstan::text
