#pragma once

// The Unigram model of SentencePiece: of all ways to cut a text into tokens, the one of the greatest sum of
// scores (Kudo 2018, arXiv:1804.10959).

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/token_trie.h"
#include "text/token_vocabulary.h"

namespace capstan::text {

struct UnigramSpec {
    TokenVocabulary vocabulary;
    std::vector<double> scores;  // By id; logarithms of probabilities.
    std::vector<bool> left_out;  // By id: never found in text. Empty for none.
    std::optional<std::int32_t> unknown_id;
    bool byte_fallback = false;  // Unknown characters become tokens such as <0xE2>.
    bool sums_floats = false;    // Keeps sums as SentencePiece does; Hugging Face keeps doubles. Ties differ.
};

// Reused between texts, so that encoding does not allocate.
struct UnigramScratch {
    struct Best {  // Of the ways to cut what is before a place.
        double score;
        std::int32_t id;
        std::uint32_t begin;  // Of the last token.
    };

    static constexpr std::uint32_t kNowhere = ~std::uint32_t{0};

    std::vector<Best> best;           // By place: bytes.
    std::vector<std::uint32_t> ends;  // Of the tokens, the last first.
};

class UnigramModel {
public:
    // kInvalid when scores are missing or no numbers; kTooLarge over the limits of limits.h.
    static Result<UnigramModel> build(UnigramSpec spec);

    // Appends the ids; unknown characters in a row are one unknown token, or nothing when the model has none.
    // Thread-safe with a scratch of its own. Cost: linear, times the longest token.
    void encode(std::string_view text, UnigramScratch& scratch, std::vector<std::int32_t>& ids) const;

    const TokenVocabulary& vocabulary() const { return vocabulary_; }

private:
    UnigramModel() = default;

    void find_best(std::string_view text, std::vector<UnigramScratch::Best>& best) const;
    void append_unknown(std::string_view text, std::vector<std::int32_t>& ids) const;

    TokenVocabulary vocabulary_;
    std::vector<double> scores_;
    TokenTrie trie_;
    std::vector<std::int32_t> byte_ids_;
    std::int32_t unknown_id_ = -1;
    double unknown_score_ = 0;
    bool byte_fallback_ = false;
    bool sums_floats_ = false;
};

}  // namespace capstan::text
