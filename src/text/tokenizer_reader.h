#pragma once

// Reading tokenizer.json into the parts of a tokenizer.

#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pretokenizer.h"
#include "text/token_decoder.h"
#include "text/token_model.h"

namespace capstan::text {

struct TokenizerParts {
    TokenModel model;
    std::vector<AddedToken> added_tokens;
    Normalizer normalizer;
    Pretokenizer pretokenizer;
    TokenDecoder decoder;
    PostProcessor post_processor;
};

Result<TokenizerParts> read_tokenizer(std::string_view json);

}  // namespace capstan::text
