#include "engine/grammar/token_trie.h"

#include <algorithm>
#include <utility>

namespace capstan::engine {
namespace {

// Longer tokens never come: no vocabulary needs them, and depths stay small numbers.
constexpr std::size_t kTokenBytesMax = 1024;

}  // namespace

TokenTrie::TokenTrie(TokenBytes tokens) : tokens_(std::move(tokens)) {
    for (std::size_t token = 0; token < tokens_.texts.size(); ++token) {
        std::string& text = tokens_.texts[token];
        if (text.size() > kTokenBytesMax || is_end(static_cast<llm::TokenId>(token))) {
            text.clear();
        }
        if (!text.empty()) {
            order_.push_back(static_cast<llm::TokenId>(token));
            bytes_max_ = std::max(bytes_max_, static_cast<std::int32_t>(text.size()));
        }
    }
    std::ranges::sort(order_, {}, [this](llm::TokenId token) { return std::pair(text_of(token), token); });
    nodes_.push_back({});
    std::vector<std::int32_t> path = {0};  // The nodes of the latest token, by depth.
    std::string_view latest;
    const auto close_down_to = [&](std::size_t depth) {
        for (; path.size() > depth + 1; path.pop_back()) {
            nodes_[static_cast<std::size_t>(path.back())].skip = static_cast<std::int32_t>(nodes_.size());
        }
    };
    for (std::size_t i = 0; i < order_.size(); ++i) {
        const std::string_view text = text_of(order_[i]);
        const auto shared =
            static_cast<std::size_t>(std::ranges::mismatch(latest, text).in1 - latest.begin());
        close_down_to(shared);
        for (std::size_t depth = shared; depth < text.size(); ++depth) {
            nodes_.push_back(
                {.parent = path.back(),
                 .tokens_begin = static_cast<std::int32_t>(i),
                 .depth = static_cast<std::uint16_t>(depth + 1),
                 .byte = static_cast<std::uint8_t>(text[depth])}
            );
            path.push_back(static_cast<std::int32_t>(nodes_.size() - 1));
        }
        latest = text;
    }
    close_down_to(0);
    nodes_[0].skip = static_cast<std::int32_t>(nodes_.size());
    nodes_.push_back({.tokens_begin = static_cast<std::int32_t>(order_.size())});
}

bool TokenTrie::is_end(llm::TokenId token) const {
    return std::ranges::find(tokens_.end_tokens, token) != tokens_.end_tokens.end();
}

}  // namespace capstan::engine
