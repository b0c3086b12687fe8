#pragma once

// The "added_tokens" of tokenizer.json: tokens, special ones above all, that are found in text before
// anything else cuts it.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/byte_range.h"

namespace capstan::text {

struct AddedToken {
    std::int32_t id = 0;
    std::string content;
    bool special = false;
    bool single_word = false;  // Not within a word.
    bool lstrip = false;       // Takes the white space before it.
    bool rstrip = false;       // And behind it.
    bool normalized = true;    // Is looked for in the normalized text.
};

// kTooLarge, naming the token, over the limits of limits.h.
Result<void> check_added_tokens(std::span<const AddedToken> tokens);

// A part of a text: an added token, or what is between them.
struct TextPart {
    std::string_view text;
    std::optional<std::int32_t> token;
};

// Which special tokens are found, and not taken for text.
struct SpecialTokens {
    bool wanted = true;
    std::span<const ByteRange> literal;  // None that begins in there; in order, apart.
};

// A set of added tokens, and where they occur.
class TokenFinder {
public:
    // `pattern` is what to look for: the token's content, perhaps normalized.
    void add(const AddedToken& token, std::string_view pattern);

    bool is_empty() const { return tokens_.empty(); }

    // All of `text` in order. The leftmost token wins, then the longest. Cost: linear in `text`, times the
    // longest token at worst.
    std::vector<TextPart> split(std::string_view text, SpecialTokens special) const;

private:
    struct Node {
        std::map<char, std::uint32_t> next;
        std::int32_t token = -1;  // In tokens_.
    };

    struct Match {
        std::size_t length = 0;
        const AddedToken* token = nullptr;
    };

    Match longest_at(std::string_view text, bool wants_special) const;

    std::size_t next_start(std::string_view text, std::size_t at) const;

    std::vector<AddedToken> tokens_;
    std::array<bool, 256> may_start_{};
    std::vector<Node> nodes_{1};
};

}  // namespace capstan::text
