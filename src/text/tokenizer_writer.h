#pragma once

// Writing a trained vocabulary as Hugging Face's files: tokenizer.json and tokenizer_config.json.

#include <filesystem>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "text/bpe_trainer.h"

namespace capstan::text {

// tokenizer.json of a byte-level BPE tokenizer; Hugging Face's `tokenizers` loads it and gives the same ids.
Json tokenizer_json(const BpeVocabulary& vocabulary);

struct TokenizerConfig {
    std::string bos_token;
    std::string eos_token;
    std::string chat_template;  // Jinja; empty for none.
    int context_tokens = 1024;  // model_max_length
};

Json tokenizer_config_json(const TokenizerConfig& config);

// Both files into `folder`, each replaced atomically.
Result<void> write_tokenizer(
    const std::filesystem::path& folder, const BpeVocabulary& vocabulary, const TokenizerConfig& config
);

}  // namespace capstan::text
