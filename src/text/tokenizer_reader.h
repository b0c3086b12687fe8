#pragma once

// Reading tokenizer.json into the parts of a tokenizer.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/added_tokens.h"
#include "text/bpe_model.h"
#include "text/normalizer.h"
#include "text/pretokenizer.h"
#include "text/token_decoder.h"

namespace capstan::text {

struct TokenizerParts {
    BpeModel model;
    std::vector<AddedToken> added_tokens;
    Normalizer normalizer;
    Pretokenizer pretokenizer;
    TokenDecoder decoder;
    std::vector<std::int32_t> ids_before;  // What the post-processor puts around a text.
    std::vector<std::int32_t> ids_behind;
};

Result<TokenizerParts> read_tokenizer(std::string_view json);

}  // namespace capstan::text
