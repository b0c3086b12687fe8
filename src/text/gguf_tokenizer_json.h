#pragma once

// A tokenizer.json of BPE as a GGUF file carries it.

#include <cstddef>

#include "base/json.h"
#include "base/result.h"
#include "text/gguf_tokenizer.h"

namespace capstan::text {

inline constexpr float kScoreOfUnmerged = -1e7F;  // Below that of every merge that there is room for.

// Model, way to cut words, tokens with types and scores, merges; nothing of special tokens' roles, nor
// whether a space is put before a text. kInvalid, naming the member, for what has no place in a GGUF file.
Result<GgufTokenizer> gguf_tokenizer_of_json(const Json& tokenizer_json, std::size_t rows);

}  // namespace capstan::text
