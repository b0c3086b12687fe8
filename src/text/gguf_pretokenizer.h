#pragma once

// The names that GGUF files have for ways to cut words ("tokenizer.ggml.pre").

#include <optional>
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

// The other way: a name that stands for these, as far as texts of many kinds (probe_texts.h) tell; nothing
// when there is none.
std::optional<std::string_view> gguf_pretokenizer_name(
    const Normalizer& normalizer, const Pretokenizer& pretokenizer, bool ignore_merges
);

}  // namespace capstan::text
