#pragma once

// A SentencePiece model as its files describe it, and the tokenizer that it makes.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/tokenizer_reader.h"

namespace capstan::text {

// Numbered as in SentencePiece's files, and in GGUF.
enum class PieceType : std::uint8_t {
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,      // Such as <s>: a special token.
    kUserDefined = 4,  // Found before all others.
    kUnused = 5,
    kByte = 6,  // Such as <0xE2>.
};

struct Piece {
    std::string text;
    float score = 0;
    PieceType type = PieceType::kNormal;
};

struct SentencePieceSpec {
    bool is_unigram = false;     // Otherwise BPE.
    std::vector<Piece> pieces;   // By id.
    std::string charsmap;        // The precompiled map of characters; empty for none.
    bool joins_spaces = true;    // remove_extra_whitespaces
    bool prepends_space = true;  // add_dummy_prefix
    bool marks_spaces = true;    // escape_whitespaces
    bool byte_fallback = false;
    std::optional<std::int32_t> unknown_id;
    PostProcessor post_processor;
};

// kInvalid, naming the piece, and kTooLarge as TokenVocabulary and the models say.
Result<TokenizerParts> assemble_sentence_piece(SentencePieceSpec spec);

}  // namespace capstan::text
