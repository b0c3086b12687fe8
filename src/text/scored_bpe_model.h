#pragma once

// SentencePiece's BPE: of all neighbours whose text together is a token, those of the greatest score merge
// first. There is no list of merges; the tokens and their scores say all.

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "text/token_trie.h"
#include "text/token_vocabulary.h"

namespace capstan::text {

enum class ScoredBpeUse : std::uint8_t {
    kNormal,
    kUnused,   // Merges, but is taken apart again at the end.
    kWhole,    // Is found before anything merges, the longest first, and merges no further.
    kLeftOut,  // Never found in text.
};

struct ScoredBpeSpec {
    TokenVocabulary vocabulary;
    std::vector<float> scores;       // By id.
    std::vector<ScoredBpeUse> uses;  // By id.
    std::optional<std::int32_t> unknown_id;
    bool byte_fallback = false;  // Unknown characters become tokens such as <0xE2>.
};

// Reused between words, so that encoding does not allocate.
struct ScoredBpeScratch {
    struct Symbol {  // A part of the text; of no bytes once it is merged into the one before.
        std::uint32_t begin;
        std::uint32_t bytes;
        std::int32_t previous;
        std::int32_t next;
        bool is_whole;
    };

    struct Candidate {
        float score;
        std::int32_t left;
        std::int32_t right;
        std::uint32_t bytes;  // Of both when it was found; others by now make it stale.
    };

    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
    // How tokens that are unused came about: bytes of the left part. With such tokens only.
    std::unordered_map<std::string_view, std::size_t> splits;
    std::vector<std::string_view> parts;
};

class ScoredBpeModel {
public:
    // kInvalid when scores are missing or no numbers; kTooLarge over the limits of limits.h.
    static Result<ScoredBpeModel> build(ScoredBpeSpec spec);

    // Appends the ids; unknown characters in a row are one unknown token, or nothing when the model has none.
    // Thread-safe with a scratch of its own. Cost: n log n.
    void encode(std::string_view text, ScoredBpeScratch& scratch, std::vector<std::int32_t>& ids) const;

    const TokenVocabulary& vocabulary() const { return vocabulary_; }

private:
    ScoredBpeModel() = default;

    ScoredBpeUse use_of(std::int32_t id) const { return uses_[static_cast<std::size_t>(id)]; }

    void cut_symbols(std::string_view text, std::vector<ScoredBpeScratch::Symbol>& symbols) const;
    void push_candidate(std::string_view text, ScoredBpeScratch& scratch, std::int32_t left) const;
    void merge(std::string_view text, ScoredBpeScratch& scratch) const;
    // The token that `part` is in the end, -1 for none; kSplit when it is unused and its parts are in
    // scratch.parts.
    std::int32_t id_at_end(std::string_view part, ScoredBpeScratch& scratch) const;

    TokenVocabulary vocabulary_;
    std::vector<float> scores_;
    std::vector<ScoredBpeUse> uses_;  // By id.
    TokenTrie whole_;
    std::vector<std::int32_t> byte_ids_;
    std::size_t token_bytes_max_ = 0;  // Longer texts are no token.
    std::int32_t unknown_id_ = -1;
    bool byte_fallback_ = false;
    bool has_unused_ = false;
};

}  // namespace capstan::text
