#pragma once

// The vocabulary by its bytes: tokens with a common beginning share its nodes, so that what refuses the
// beginning refuses them all at once.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "llm/message.h"

namespace capstan::engine {

// What a vocabulary is to a grammar.
struct TokenBytes {
    std::vector<std::string> texts;        // By token; empty for those that never may come (special ones).
    std::vector<llm::TokenId> end_tokens;  // One of them ends an answer; whatever their text.
};

// Nodes are in preorder: a node's children follow it, and `skip` is the first node behind all below it. Node
// 0 is the root, of no byte. Immutable.
class TokenTrie {
public:
    explicit TokenTrie(TokenBytes tokens);

    struct Node {
        std::int32_t skip = 0;
        std::int32_t parent = 0;
        std::int32_t tokens_begin = 0;  // Tokens that end here: `tokens` from here to the next node's begin.
        std::uint16_t depth = 0;        // Bytes from the root.
        std::uint8_t byte = 0;
    };

    // With one more behind the last, for its `tokens_begin`.
    std::span<const Node> nodes() const { return nodes_; }

    std::size_t node_count() const { return nodes_.size() - 1; }

    std::span<const llm::TokenId> tokens_at(std::size_t node) const {
        const auto begin = static_cast<std::size_t>(nodes_[node].tokens_begin);
        return std::span(order_).subspan(
            begin, static_cast<std::size_t>(nodes_[node + 1].tokens_begin) - begin
        );
    }

    std::string_view text_of(llm::TokenId token) const {  // Empty out of range.
        const auto index = static_cast<std::size_t>(token);
        return index < tokens_.texts.size() ? std::string_view(tokens_.texts[index]) : std::string_view();
    }

    bool is_end(llm::TokenId token) const;

    std::span<const llm::TokenId> end_tokens() const { return tokens_.end_tokens; }

    std::size_t vocabulary() const { return tokens_.texts.size(); }

    std::int32_t bytes_max() const { return bytes_max_; }  // Of a token.

private:
    TokenBytes tokens_;
    std::vector<llm::TokenId> order_;  // By bytes.
    std::vector<Node> nodes_;
    std::int32_t bytes_max_ = 0;
};

}  // namespace capstan::engine
