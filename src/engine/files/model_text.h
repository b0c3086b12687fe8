#pragma once

// The tokenizer and the chat template of a model, whether they lie in files of their own (Hugging Face) or in
// the metadata of a GGUF file.

#include <filesystem>

#include "base/result.h"
#include "engine/files/gguf.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace capstan::engine {

// Of a GGUF file. Errors name the key.
Result<text::Tokenizer> tokenizer_of(const GgufFile& file);
Result<text::ChatTemplate> chat_template_of(const GgufFile& file);  // kNotFound when it has none.

// Of whatever Checkpoint::open takes.
Result<text::Tokenizer> load_tokenizer(const std::filesystem::path& model);
Result<text::ChatTemplate> load_chat_template(const std::filesystem::path& model);  // kNotFound, as above.

}  // namespace capstan::engine
