#pragma once

// The tokenizer of a model's folder: tokenizer.json when it is there, else the files that came before it.

#include <filesystem>

#include "base/result.h"
#include "text/tokenizer.h"

namespace capstan::text {

// Looks for tokenizer.json; tokenizer.model, spiece.model or sentencepiece.bpe.model (SentencePiece);
// vocab.txt (WordPiece); vocab.json with merges.txt (BPE on bytes). The last three go by
// tokenizer_config.json, too: its tokenizer_class, special tokens and lower case. kNotFound when none is
// there.
Result<Tokenizer> load_tokenizer_folder(const std::filesystem::path& folder);

}  // namespace capstan::text
