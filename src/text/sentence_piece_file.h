#pragma once

// SentencePiece's own files ("tokenizer.model", "spiece.model"): a message of Protocol Buffers.

#include <string_view>

#include "base/result.h"
#include "text/sentence_piece.h"

namespace capstan::text {

// What of a file is not in SentencePieceSpec.
struct SentencePieceFile {
    SentencePieceSpec spec;
    std::optional<std::int32_t> bos_id;
    std::optional<std::int32_t> eos_id;
};

// Of sentencepiece_model.proto. Unknown fields are skipped. kInvalid for what is cut off or is no BPE or
// Unigram model; kTooLarge over the limits of text/limits.h. Cost: linear.
Result<SentencePieceFile> read_sentence_piece_file(std::string_view bytes);

}  // namespace capstan::text
