#pragma once

// The WordPiece model of BERT: a word is the longest tokens from the left, those within a word by their
// prefix.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/token_trie.h"
#include "text/token_vocabulary.h"

namespace capstan::text {

// As in tokenizer.json.
struct WordPieceSpec {
    TokenVocabulary vocabulary;
    std::string unknown_token = "[UNK]";
    std::string continuing_prefix = "##";
    std::size_t word_characters_max = 100;  // Longer words are the unknown token.
};

class WordPieceModel {
public:
    // kInvalid when the unknown token is missing; kTooLarge over the limits of limits.h.
    static Result<WordPieceModel> build(WordPieceSpec spec);

    // Appends the ids. Thread-safe. Cost: linear, times the longest token.
    void encode(std::string_view word, std::vector<std::int32_t>& ids) const;

    const TokenVocabulary& vocabulary() const { return vocabulary_; }

private:
    WordPieceModel() = default;

    TokenVocabulary vocabulary_;
    TokenTrie starts_;     // Tokens as they stand at the start of a word,
    TokenTrie continued_;  // and those behind it, without their prefix.
    std::int32_t unknown_id_ = -1;
    std::size_t word_characters_max_ = 0;
};

}  // namespace capstan::text
