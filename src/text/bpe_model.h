#pragma once

// The BPE model of a tokenizer: from a word to the ids of its tokens.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/hash_table.h"
#include "text/token_vocabulary.h"

namespace capstan::text {

// As in tokenizer.json.
struct BpeSpec {
    std::vector<std::pair<std::string, std::int32_t>> vocabulary;
    std::vector<std::pair<std::string, std::string>> merges;  // The earlier, the stronger.
    std::optional<std::string> unknown_token;
    std::string continuing_subword_prefix;
    std::string end_of_word_suffix;
    bool fuse_unknown = false;
    bool byte_fallback = false;  // Unknown characters become tokens such as <0xE2>.
    bool ignore_merges = false;  // A word that is a token is that token, whatever the merges say.
    bool byte_level = false;     // Words are bytes; tokens are in the byte alphabet.
};

// Reused between words, so that encoding does not allocate.
struct BpeScratch {
    struct Link {
        std::int32_t id;
        std::int32_t previous;
        std::int32_t next;
    };

    struct Candidate {
        std::uint32_t rank;
        std::int32_t position;
        std::int32_t left;  // The pair when it was found; another one by now makes it stale.
        std::int32_t right;
    };

    std::vector<std::int32_t> ids;
    std::vector<std::uint32_t> ranks;
    std::vector<Link> links;
    std::vector<Candidate> heap;
};

class BpeModel {
public:
    // kInvalid, naming the token, for merges of tokens that are missing and ids that are given twice;
    // kTooLarge over the limits of limits.h.
    static Result<BpeModel> build(const BpeSpec& spec);

    // Appends the ids. Thread-safe with a scratch of its own. Cost: n log n for n bytes.
    void encode(std::string_view word, BpeScratch& scratch, std::vector<std::int32_t>& ids) const;

    // Whether a word is its characters, merged, and no rule looks at the word as a whole.
    bool only_merges() const { return !ignore_merges_ && !byte_level_ && prefix_.empty() && suffix_.empty(); }

    const TokenVocabulary& vocabulary() const { return vocabulary_; }

private:
    struct Merge {
        std::uint32_t rank = 0;
        std::int32_t id = 0;
    };

    static constexpr std::uint32_t kNoRank = ~std::uint32_t{0};

    Result<void> take_vocabulary(const BpeSpec& spec);
    Result<void> take_merges(const BpeSpec& spec);
    Result<void> take_special_symbols(const BpeSpec& spec);
    void split_bytes(std::string_view word, std::vector<std::int32_t>& ids) const;
    void split_characters(std::string_view word, std::vector<std::int32_t>& ids) const;
    const Merge* merge_of(std::int32_t left, std::int32_t right) const;
    std::uint32_t rank_of(std::int32_t left, std::int32_t right) const;
    void merge_short(BpeScratch& scratch) const;
    void merge_long(BpeScratch& scratch) const;
    void push_candidate(BpeScratch& scratch, std::int32_t position) const;

    std::int32_t id_of(std::string_view token) const { return vocabulary_.id_of(token); }

    TokenVocabulary vocabulary_;
    StringTable words_;  // With ignore_merges on bytes: tokens as bytes.
    std::vector<std::int32_t> id_by_word_;
    NumberTable<Merge> merges_;
    std::array<std::int32_t, 256> byte_ids_{};  // -1: not in the vocabulary.
    std::vector<std::int32_t> fallback_ids_;    // Of <0x00> to <0xFF>.
    std::int32_t unknown_id_ = -1;
    std::string prefix_;
    std::string suffix_;
    bool fuse_unknown_ = false;
    bool byte_fallback_ = false;
    bool ignore_merges_ = false;
    bool byte_level_ = false;
    bool plain_bytes_ = false;  // Byte level without prefix, suffix and fallback: the fast way.
};

}  // namespace capstan::text
