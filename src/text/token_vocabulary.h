#pragma once

// The tokens of a model by id, and ids by token.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/hash_table.h"

namespace capstan::text {

class TokenVocabulary {
public:
    // kInvalid, naming the token, for one that is given twice, an id that is given twice, and an id below 0
    // or above the limit; kTooLarge over the limits of limits.h.
    Result<void> add(std::string_view token, std::int32_t id);

    // For files in which the id is the place in a list: the next id. A token given twice is found by its
    // first id, and shown by both.
    Result<void> append(std::string_view token);

    std::int32_t id_of(std::string_view token) const {  // -1 when there is none.
        const std::uint32_t number = tokens_.find(token);
        return number == StringTable::kNone ? -1 : id_by_number_[number];
    }

    std::string_view token_of(std::int32_t id) const {  // Empty when there is none. Lives as long as this.
        if (id < 0 || static_cast<std::size_t>(id) >= token_by_id_.size()) {
            return {};
        }
        const std::uint32_t number = token_by_id_[static_cast<std::size_t>(id)];
        return number == StringTable::kNone ? std::string_view() : tokens_[number];
    }

    // One more than the greatest id.
    std::size_t id_end() const { return token_by_id_.size(); }

    std::size_t tokens() const { return tokens_.size(); }

    // kTooLarge when the tokens are too long, one or all together, to be looked for at each place of a text.
    Result<void> check_for_trie() const;

private:
    void count_bytes(std::string_view token);

    StringTable tokens_;
    std::vector<std::int32_t> id_by_number_;  // Numbers as in tokens_.
    std::vector<std::uint32_t> token_by_id_;  // Numbers as in tokens_, kNone for an id without token.
    std::size_t token_bytes_ = 0;             // Of all tokens together.
    std::size_t token_bytes_longest_ = 0;
};

// The ids of <0x00> to <0xFF>, -1 for those that are missing.
std::vector<std::int32_t> byte_token_ids(const TokenVocabulary& vocabulary);

// Appends the ids of the bytes of `text`; false, and nothing, when one of them has none.
bool append_byte_tokens(
    const std::vector<std::int32_t>& byte_ids, std::string_view text, std::vector<std::int32_t>& ids
);

}  // namespace capstan::text
