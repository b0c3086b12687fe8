#pragma once

// The tokenizer that a GGUF file carries in its metadata.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace capstan::text {

// What stands below "tokenizer.ggml." in the file; the key behind each member. Absent keys keep the defaults.
struct GgufTokenizer {
    std::string model;                // model: "llama" (SentencePiece's BPE), "gpt2" (BPE on bytes), "bert"
                                      // (WordPiece) or "t5" (Unigram).
    std::string pre;                  // pre: how a "gpt2" cuts words.
    std::vector<std::string> tokens;  // tokens, by id.
    std::vector<float> scores;        // scores, by id: of "llama" and "t5".
    std::vector<std::int32_t> types;  // token_type, by id, numbered as PieceType; empty: all are normal.
    std::vector<std::string> merges;  // merges: of "gpt2".
    std::string charsmap;             // precompiled_charsmap: its bytes.
    std::optional<std::int32_t> bos_id;        // bos_token_id
    std::optional<std::int32_t> eos_id;        // eos_token_id
    std::optional<std::int32_t> unknown_id;    // unknown_token_id
    std::optional<std::int32_t> separator_id;  // seperator_token_id (which llama.cpp spells so)
    std::optional<std::int32_t> cls_id;        // cls_token_id
    std::optional<std::int32_t> padding_id;    // padding_token_id, which nothing here reads
    std::optional<bool> add_bos;               // add_bos_token
    std::optional<bool> add_eos;               // add_eos_token
    std::optional<bool> add_space_prefix;      // add_space_prefix
    std::optional<bool> joins_spaces;          // remove_extra_whitespaces
};

// kInvalid, naming the key or the token, for what is not supported or does not fit together; kTooLarge over
// the limits of text/limits.h. The ids are those of the tokenizer that the file was made from.
Result<Tokenizer> tokenizer_from_gguf(GgufTokenizer metadata);

}  // namespace capstan::text
