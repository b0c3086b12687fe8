#pragma once

// The model of a tokenizer, of whichever kind: words to the ids of their tokens.

#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "text/bpe_model.h"
#include "text/scored_bpe_model.h"
#include "text/unigram_model.h"
#include "text/word_piece_model.h"

namespace capstan::text {

// Reused between words, so that encoding does not allocate.
struct ModelScratch {
    BpeScratch bpe;
    ScoredBpeScratch scored_bpe;
    UnigramScratch unigram;
};

// Immutable: thread-safe with a scratch of its own.
class TokenModel {
public:
    using Kind = std::variant<BpeModel, ScoredBpeModel, UnigramModel, WordPieceModel>;

    explicit TokenModel(Kind kind) : kind_(std::move(kind)), cuts_at_marks_(finds_no_token_across_marks()) {}

    // Appends the ids of `word`.
    void encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const;

    // Calls on_part with parts of `word` that may be encoded one by one: words between U+2581, where no token
    // is of two of them.
    template <typename OnPart>
    void cut(std::string_view word, const OnPart& on_part) const {
        while (cuts_at_marks_ && !word.empty()) {
            const std::size_t bytes = bytes_of_part(word);
            on_part(word.substr(0, bytes));
            word.remove_prefix(bytes);
        }
        if (!word.empty()) {
            on_part(word);
        }
    }

    std::int32_t id_of(std::string_view token) const { return vocabulary().id_of(token); }

    std::string_view token_of(std::int32_t id) const { return vocabulary().token_of(id); }

    // One more than the greatest id.
    std::size_t id_end() const { return vocabulary().id_end(); }

    const TokenVocabulary& vocabulary() const;

private:
    bool finds_no_token_across_marks() const;
    static std::size_t bytes_of_part(std::string_view word);

    Kind kind_;
    bool cuts_at_marks_;
};

}  // namespace capstan::text
