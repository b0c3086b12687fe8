#pragma once

// The tokenizer of a model's folder as a GGUF file carries it: the other way of gguf_tokenizer.h.

#include <cstddef>
#include <filesystem>

#include "base/result.h"
#include "text/gguf_tokenizer.h"

namespace capstan::text {

// Of tokenizer.json (BPE on bytes, or as SentencePiece's with <0xE2> for bytes), of a tokenizer.model of BPE,
// or of vocab.json with merges.txt; special tokens by tokenizer_config.json. There are `rows` tokens, as the
// model has embeddings: those that nothing names are called [PAD7] and unused, added ones behind the last row
// are left out.
//
// What is returned has given the ids of the folder's own tokenizer for texts of many kinds (probe_texts.h).
// Not kept is what the format cannot say: that added tokens strip spaces, or stand alone, and that Metaspace
// adds no space to a text that begins with one. kInvalid, naming the part of the file, for another kind of
// model, and for words, normal forms and special tokens around a text that no GGUF file can ask for.
Result<GgufTokenizer> gguf_tokenizer_of_folder(const std::filesystem::path& folder, std::size_t rows);

}  // namespace capstan::text
