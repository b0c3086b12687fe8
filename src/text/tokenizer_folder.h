#pragma once

// The tokenizer of a model's folder: tokenizer.json when it is there, else the files that came before it.

#include <filesystem>

#include "base/json.h"
#include "base/result.h"
#include "text/added_tokens.h"
#include "text/gguf_tokenizer.h"
#include "text/tokenizer.h"

namespace capstan::text {

// Looks for tokenizer.json; tokenizer.model, spiece.model or sentencepiece.bpe.model (SentencePiece);
// vocab.txt (WordPiece); vocab.json with merges.txt (BPE on bytes). The last three go by
// tokenizer_config.json, too: its tokenizer_class, special tokens and lower case. kNotFound when none is
// there.
Result<Tokenizer> load_tokenizer_folder(const std::filesystem::path& folder);

// tokenizer_config.json; an empty object when there is no such file.
Result<Json> read_tokenizer_config(const std::filesystem::path& folder);

// The text of a token that it names, such as "bos_token"; `otherwise` when it names none.
std::string token_named(const Json& tokenizer_config, std::string_view name, std::string_view otherwise);

// Its "added_tokens_decoder".
Result<std::vector<AddedToken>> added_tokens_of(const Json& tokenizer_config);

// vocab.json, merges.txt and the added tokens of GPT-2 and Qwen 2, which say no more than a GGUF file does.
Result<GgufTokenizer> read_vocabulary_and_merges(
    const std::filesystem::path& folder, const Json& tokenizer_config
);

}  // namespace capstan::text
