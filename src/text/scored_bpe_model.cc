#include "text/scored_bpe_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "text/limits.h"
#include "text/token_scores.h"
#include "text/unicode.h"

namespace capstan::text {
namespace {

using Symbol = ScoredBpeScratch::Symbol;
using Candidate = ScoredBpeScratch::Candidate;

constexpr std::size_t kStretchBytesMax = std::size_t{1} << 30;
constexpr std::int32_t kSplit = -2;

// A heap with the greatest score, then the leftmost, on top.
bool is_later(const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score < b.score : a.left > b.left;
}

std::string_view text_of(std::string_view text, const Symbol& symbol) {
    return text.substr(symbol.begin, symbol.bytes);
}

}  // namespace

Result<ScoredBpeModel> ScoredBpeModel::build(ScoredBpeSpec spec) {
    const std::size_t count = spec.vocabulary.id_end();
    if (auto checked = check_scores(spec.scores, count, spec.unknown_id); !checked) {
        return checked.error();
    }
    if (spec.uses.size() != count) {
        return Error{
            ErrorCode::kInvalid, fmt::format("there are {} tokens and {} uses", count, spec.uses.size())
        };
    }
    ScoredBpeModel model;
    model.vocabulary_ = std::move(spec.vocabulary);
    model.scores_ = std::move(spec.scores);
    model.uses_ = std::move(spec.uses);
    model.byte_ids_ = byte_token_ids(model.vocabulary_);
    model.unknown_id_ = spec.unknown_id.value_or(-1);
    model.byte_fallback_ = spec.byte_fallback;
    std::vector<TokenTrie::Entry> whole;
    for (std::size_t i = 0; i < count; ++i) {
        const auto id = static_cast<std::int32_t>(i);
        const std::string_view token = model.vocabulary_.token_of(id);
        model.token_bytes_max_ = std::max(model.token_bytes_max_, token.size());
        model.has_unused_ = model.has_unused_ || model.uses_[i] == ScoredBpeUse::kUnused;
        if (model.uses_[i] == ScoredBpeUse::kWhole) {
            if (token.size() > kTrieTokenBytesMax) {
                return Error{
                    ErrorCode::kTooLarge,
                    fmt::format("token {} has {} bytes; {} at most", i, token.size(), kTrieTokenBytesMax)
                };
            }
            whole.push_back({.text = token, .value = id});
        }
    }
    model.whole_ = TokenTrie(std::move(whole));
    return model;
}

void ScoredBpeModel::cut_symbols(std::string_view text, std::vector<Symbol>& symbols) const {
    symbols.clear();
    for (std::size_t at = 0; at < text.size();) {
        std::size_t whole_bytes = 0;
        whole_.for_each_prefix(text.substr(at), [&](std::size_t bytes, std::int32_t) {
            whole_bytes = bytes;
        });
        const std::size_t bytes = whole_bytes > 0 ? whole_bytes : front_character(text.substr(at)).length;
        const auto number = static_cast<std::int32_t>(symbols.size());
        symbols.push_back(
            {.begin = static_cast<std::uint32_t>(at),
             .bytes = static_cast<std::uint32_t>(bytes),
             .previous = number - 1,
             .next = at + bytes < text.size() ? number + 1 : -1,
             .is_whole = whole_bytes > 0}
        );
        at += bytes;
    }
}

// Of the symbol `left` and the one behind it.
void ScoredBpeModel::push_candidate(std::string_view text, ScoredBpeScratch& scratch, std::int32_t left)
    const {
    const Symbol& a = scratch.symbols[static_cast<std::size_t>(left)];
    if (a.next < 0) {
        return;
    }
    const Symbol& b = scratch.symbols[static_cast<std::size_t>(a.next)];
    const std::uint32_t bytes = a.bytes + b.bytes;
    if (a.is_whole || b.is_whole || bytes > token_bytes_max_) {
        return;
    }
    const std::string_view joined = text.substr(a.begin, bytes);
    const std::int32_t id = vocabulary_.id_of(joined);
    if (id < 0 || use_of(id) == ScoredBpeUse::kLeftOut) {
        return;
    }
    scratch.heap.push_back(
        {.score = scores_[static_cast<std::size_t>(id)], .left = left, .right = a.next, .bytes = bytes}
    );
    std::ranges::push_heap(scratch.heap, is_later);
    if (use_of(id) == ScoredBpeUse::kUnused) {
        scratch.splits[joined] = a.bytes;
    }
}

void ScoredBpeModel::merge(std::string_view text, ScoredBpeScratch& scratch) const {
    auto& symbols = scratch.symbols;
    scratch.heap.clear();
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        push_candidate(text, scratch, static_cast<std::int32_t>(i));
    }
    while (!scratch.heap.empty()) {
        std::ranges::pop_heap(scratch.heap, is_later);
        const Candidate top = scratch.heap.back();
        scratch.heap.pop_back();
        Symbol& left = symbols[static_cast<std::size_t>(top.left)];
        Symbol& right = symbols[static_cast<std::size_t>(top.right)];
        if (left.bytes == 0 || right.bytes == 0 || left.bytes + right.bytes != top.bytes) {
            continue;
        }
        left.bytes = top.bytes;
        left.next = right.next;
        right.bytes = 0;
        if (left.next >= 0) {
            symbols[static_cast<std::size_t>(left.next)].previous = top.left;
        }
        if (left.previous >= 0) {
            push_candidate(text, scratch, left.previous);
        }
        push_candidate(text, scratch, top.left);
    }
}

std::int32_t ScoredBpeModel::id_at_end(std::string_view part, ScoredBpeScratch& scratch) const {
    const std::int32_t id = vocabulary_.id_of(part);
    if (id < 0 || use_of(id) == ScoredBpeUse::kLeftOut) {
        return -1;
    }
    if (use_of(id) == ScoredBpeUse::kUnused) {
        if (const auto split = scratch.splits.find(part); split != scratch.splits.end()) {
            scratch.parts.push_back(part.substr(split->second));
            scratch.parts.push_back(part.substr(0, split->second));
            return kSplit;
        }
    }
    return id;
}

void ScoredBpeModel::encode(std::string_view text, ScoredBpeScratch& scratch, std::vector<std::int32_t>& ids)
    const {
    text = text.substr(0, kStretchBytesMax);  // Places are 32 bits; no request is as long.
    if (has_unused_) {
        scratch.splits.clear();
    }
    cut_symbols(text, scratch.symbols);
    merge(text, scratch);
    bool after_unknown = false;
    for (std::int32_t at = text.empty() ? -1 : 0; at >= 0;) {
        const Symbol& symbol = scratch.symbols[static_cast<std::size_t>(at)];
        scratch.parts.assign(1, text_of(text, symbol));
        while (!scratch.parts.empty()) {
            const std::string_view part = scratch.parts.back();
            scratch.parts.pop_back();
            const std::int32_t id = id_at_end(part, scratch);
            if (id == kSplit) {
                continue;
            }
            const bool is_unknown = id < 0 && !(byte_fallback_ && append_byte_tokens(byte_ids_, part, ids));
            if (id >= 0 || (is_unknown && !after_unknown && unknown_id_ >= 0)) {
                ids.push_back(id >= 0 ? id : unknown_id_);
            }
            after_unknown = is_unknown;
        }
        at = symbol.next;
    }
}

}  // namespace capstan::text
