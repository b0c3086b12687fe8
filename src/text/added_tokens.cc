#include "text/added_tokens.h"

#include <algorithm>

#include <fmt/format.h>

#include "text/limits.h"
#include "text/unicode.h"

namespace capstan::text {
namespace {

// The character that ends before `end`; a broken byte stands for itself.
Character character_before(std::string_view text, std::size_t end) {
    for (std::size_t length = 4; length >= 1; --length) {
        if (length <= end) {
            const Character c = front_character(text.substr(end - length, length));
            if (c.length == length) {
                return c;
            }
        }
    }
    return {kBroken, 1};
}

std::size_t skip_space_back(std::string_view text, std::size_t end, std::size_t least) {
    while (end > least) {
        const Character c = character_before(text, end);
        if (kind_of(c.code_point) != CharacterKind::kSpace) {
            break;
        }
        end -= c.length;
    }
    return end;
}

std::size_t skip_space(std::string_view text, std::size_t begin) {
    while (begin < text.size()) {
        const Character c = front_character(text.substr(begin));
        if (kind_of(c.code_point) != CharacterKind::kSpace) {
            break;
        }
        begin += c.length;
    }
    return begin;
}

bool is_single_word(std::string_view text, std::size_t begin, std::size_t end) {
    const bool word_before = begin > 0 && is_word(character_before(text, begin).code_point);
    const bool word_behind = end < text.size() && is_word(front_character(text.substr(end)).code_point);
    return !word_before && !word_behind;
}

}  // namespace

Result<void> check_added_tokens(std::span<const AddedToken> tokens) {
    if (tokens.size() > kAddedTokensMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format("there are {} added tokens; {} at most", tokens.size(), kAddedTokensMax)
        };
    }
    std::size_t bytes = 0;
    for (const AddedToken& token : tokens) {
        bytes += token.content.size();
        if (token.content.empty() || token.content.size() > kAddedTokenBytesMax) {
            return Error{
                ErrorCode::kTooLarge,
                fmt::format(
                    "added token '{}' has {} bytes; 1 to {} are possible",
                    token.content.substr(0, 80),
                    token.content.size(),
                    kAddedTokenBytesMax
                )
            };
        }
        if (bytes > kAddedTokensBytesMax) {
            return Error{
                ErrorCode::kTooLarge,
                fmt::format("the added tokens have more than {} bytes", kAddedTokensBytesMax)
            };
        }
    }
    return {};
}

void TokenFinder::add(const AddedToken& token, std::string_view pattern) {
    if (pattern.empty()) {
        return;
    }
    may_start_[static_cast<std::uint8_t>(pattern.front())] = true;
    std::uint32_t node = 0;
    for (const char byte : pattern) {
        const auto [edge, is_new] =
            nodes_[node].next.try_emplace(byte, static_cast<std::uint32_t>(nodes_.size()));
        node = edge->second;
        if (is_new) {
            nodes_.emplace_back();
        }
    }
    if (nodes_[node].token < 0) {
        nodes_[node].token = static_cast<std::int32_t>(tokens_.size());
        tokens_.push_back(token);
    }
}

// Where the next token may begin, or the end of `text`.
std::size_t TokenFinder::next_start(std::string_view text, std::size_t at) const {
    const auto& starts = nodes_[0].next;
    if (starts.size() == 1) {
        return std::min(text.find(starts.begin()->first, at), text.size());
    }
    while (at < text.size() && !may_start_[static_cast<std::uint8_t>(text[at])]) {
        at += 1;
    }
    return at;
}

TokenFinder::Match TokenFinder::longest_at(std::string_view text, bool wants_special) const {
    Match longest;
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto edge = nodes_[node].next.find(text[i]);
        if (edge == nodes_[node].next.end()) {
            break;
        }
        node = edge->second;
        if (nodes_[node].token >= 0) {
            const AddedToken& token = tokens_[static_cast<std::size_t>(nodes_[node].token)];
            if (wants_special || !token.special) {
                longest = {.length = i + 1, .token = &token};
            }
        }
    }
    return longest;
}

std::vector<TextPart> TokenFinder::split(std::string_view text, SpecialTokens special) const {
    std::vector<TextPart> parts;
    std::size_t done = 0;
    auto literal = special.literal;
    for (std::size_t at = next_start(text, 0); at < text.size(); at = next_start(text, at)) {
        while (!literal.empty() && literal.front().end <= at) {
            literal = literal.subspan(1);
        }
        const bool is_literal = !literal.empty() && literal.front().begin <= at;
        const Match match = longest_at(text.substr(at), special.wanted && !is_literal);
        if (match.length == 0) {
            at += 1;
            continue;
        }
        std::size_t begin = at;
        std::size_t end = at + match.length;
        at = end;
        if (match.token->single_word && !is_single_word(text, begin, end)) {
            continue;
        }
        if (match.token->lstrip) {
            begin = skip_space_back(text, begin, done);
        }
        if (match.token->rstrip) {
            end = skip_space(text, end);
        }
        if (begin > done) {
            parts.push_back({.text = text.substr(done, begin - done), .token = std::nullopt});
        }
        // A token behind an rstrip that took its front overlaps, as it does in Hugging Face's.
        const std::size_t shown = std::max(begin, done);
        parts.push_back(
            {.text = text.substr(std::min(shown, end), end - std::min(shown, end)), .token = match.token->id}
        );
        done = std::max(done, end);
    }
    if (done < text.size()) {
        parts.push_back({.text = text.substr(done), .token = std::nullopt});
    }
    return parts;
}

}  // namespace capstan::text
