#pragma once

// Vocabularies out of thin air: every text can be written in them, and words become a few tokens each, as in
// a real one.

#include <cstdint>

#include "engine/files/gguf_writer.h"

namespace capstan::engine {

// SentencePiece's kind: three special tokens, 256 bytes, then letters, pairs and triples of letters, with and
// without a space before. At least 400 tokens.
void add_sentence_piece_vocabulary(GgufMetadata& metadata, std::int64_t tokens);

// Llama 3's kind: 256 bytes, merged pairs, triples and so on, then 256 special tokens at the end. 128,256
// tokens.
void add_llama3_vocabulary(GgufMetadata& metadata);

}  // namespace capstan::engine
