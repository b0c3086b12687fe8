#pragma once

// Tokenizer and chat template as keys of a GGUF file: the other way of model_text.h.

#include <map>
#include <string>

#include "engine/files/gguf_writer.h"
#include "text/gguf_tokenizer.h"

namespace capstan::engine {

// What `tokenizer` leaves open is left out.
void add_tokenizer(GgufMetadata& metadata, const text::GgufTokenizer& tokenizer);

// By name, "default" among them; none is nothing.
void add_chat_templates(GgufMetadata& metadata, const std::map<std::string, std::string>& sources);

}  // namespace capstan::engine
