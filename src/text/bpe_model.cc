#include "text/bpe_model.h"

#include <algorithm>

#include <fmt/format.h>

#include "text/byte_alphabet.h"
#include "text/limits.h"
#include "text/unicode.h"

namespace capstan::text {
namespace {

// Up to here, looking at all pairs for each merge is faster than a heap.
constexpr std::size_t kShortWordSymbols = 48;

std::uint64_t key_of(std::int32_t left, std::int32_t right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

std::string_view shown(std::string_view token) {
    return token.substr(0, 80);
}

}  // namespace

Result<BpeModel> BpeModel::build(const BpeSpec& spec) {
    BpeModel model;
    model.prefix_ = spec.continuing_subword_prefix;
    model.suffix_ = spec.end_of_word_suffix;
    model.fuse_unknown_ = spec.fuse_unknown;
    model.byte_fallback_ = spec.byte_fallback;
    model.ignore_merges_ = spec.ignore_merges;
    model.byte_level_ = spec.byte_level;
    if (auto taken = model.take_vocabulary(spec); !taken) {
        return taken.error();
    }
    if (auto taken = model.take_merges(spec); !taken) {
        return taken.error();
    }
    if (auto taken = model.take_special_symbols(spec); !taken) {
        return taken.error();
    }
    return model;
}

Result<void> BpeModel::take_vocabulary(const BpeSpec& spec) {
    if (spec.vocabulary.empty() || spec.vocabulary.size() > kVocabularySizeMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format(
                "the vocabulary has {} tokens; 1 to {} are possible",
                spec.vocabulary.size(),
                kVocabularySizeMax
            )
        };
    }
    for (const auto& [token, id] : spec.vocabulary) {
        if (auto added = vocabulary_.add(token, id); !added) {
            return added;
        }
    }
    return {};
}

Result<void> BpeModel::take_merges(const BpeSpec& spec) {
    if (spec.merges.size() > kMergesMax) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format("there are {} merges; {} at most", spec.merges.size(), kMergesMax)
        };
    }
    merges_ = NumberTable<Merge>(spec.merges.size());
    std::uint32_t rank = 0;
    std::string joined;
    for (const auto& [left, right] : spec.merges) {
        const std::string_view rest = std::string_view(right).substr(
            prefix_.empty() || !right.starts_with(prefix_) ? 0 : prefix_.size()
        );
        joined.assign(left).append(rest);
        for (const std::string_view token :
             {std::string_view(left), std::string_view(right), std::string_view(joined)}) {
            if (id_of(token) < 0) {
                return invalid(fmt::format(
                    "merge {} ('{}' and '{}') needs the token '{}', which the vocabulary lacks",
                    rank,
                    shown(left),
                    shown(right),
                    shown(token)
                ));
            }
        }
        merges_.at(key_of(id_of(left), id_of(right))) = {.rank = rank, .id = id_of(joined)};
        rank += 1;
    }
    return {};
}

Result<void> BpeModel::take_special_symbols(const BpeSpec& spec) {
    if (spec.unknown_token) {
        unknown_id_ = id_of(*spec.unknown_token);
        if (unknown_id_ < 0 && !spec.byte_level) {  // On bytes nothing is unknown, and GPT-2 names none.
            return invalid(fmt::format("unk_token '{}' is not in the vocabulary", shown(*spec.unknown_token))
            );
        }
    }
    for (std::size_t byte = 0; byte < byte_ids_.size(); ++byte) {
        const char as_char = static_cast<char>(byte);
        byte_ids_[byte] = id_of(to_byte_alphabet({&as_char, 1}));
    }
    fallback_ids_ = byte_token_ids(vocabulary_);
    const bool all_bytes = std::ranges::none_of(byte_ids_, [](std::int32_t id) { return id < 0; });
    plain_bytes_ = byte_level_ && all_bytes && prefix_.empty() && suffix_.empty();
    if (!plain_bytes_ || !ignore_merges_) {
        return {};
    }
    for (const auto& [token, id] : spec.vocabulary) {
        if (const auto bytes = from_byte_alphabet(token)) {
            words_.number_of(*bytes);
            id_by_word_.push_back(id);
        }
    }
    return {};
}

void BpeModel::encode(std::string_view word, BpeScratch& scratch, std::vector<std::int32_t>& ids) const {
    if (word.empty()) {
        return;
    }
    scratch.ids.clear();
    if (plain_bytes_) {
        if (ignore_merges_) {
            if (const std::uint32_t number = words_.find(word); number != StringTable::kNone) {
                ids.push_back(id_by_word_[number]);
                return;
            }
        }
        split_bytes(word, scratch.ids);
    } else {
        const std::string mapped = byte_level_ ? to_byte_alphabet(word) : std::string();
        const std::string_view characters = byte_level_ ? std::string_view(mapped) : word;
        if (ignore_merges_) {
            if (const std::int32_t id = id_of(characters); id >= 0) {
                ids.push_back(id);
                return;
            }
        }
        split_characters(characters, scratch.ids);
    }
    if (scratch.ids.size() <= kShortWordSymbols) {
        merge_short(scratch);
    } else {
        merge_long(scratch);
    }
    ids.insert(ids.end(), scratch.ids.begin(), scratch.ids.end());
}

void BpeModel::split_bytes(std::string_view word, std::vector<std::int32_t>& ids) const {
    for (const char byte : word) {
        ids.push_back(byte_ids_[static_cast<std::uint8_t>(byte)]);
    }
}

// Hugging Face's merge_word, with its order of a pending unknown token and a byte fallback.
void BpeModel::split_characters(std::string_view word, std::vector<std::int32_t>& ids) const {
    bool unknown_pending = false;
    std::string symbol;
    for (std::size_t begin = 0; begin < word.size();) {
        const std::size_t length = front_character(word.substr(begin)).length;
        symbol.assign(begin > 0 ? prefix_ : "").append(word.substr(begin, length));
        begin += length;
        symbol.append(begin == word.size() ? suffix_ : "");
        const std::int32_t id = id_of(symbol);
        if (id < 0 && byte_fallback_ && append_byte_tokens(fallback_ids_, symbol, ids)) {
            continue;
        }
        if (unknown_pending && (id >= 0 || !fuse_unknown_)) {
            ids.push_back(unknown_id_);
            unknown_pending = false;
        }
        if (id >= 0) {
            ids.push_back(id);
        } else {
            unknown_pending = unknown_id_ >= 0;
        }
    }
    if (unknown_pending) {
        ids.push_back(unknown_id_);
    }
}

const BpeModel::Merge* BpeModel::merge_of(std::int32_t left, std::int32_t right) const {
    return merges_.find(key_of(left, right));
}

std::uint32_t BpeModel::rank_of(std::int32_t left, std::int32_t right) const {
    const Merge* merge = merge_of(left, right);
    return merge == nullptr ? kNoRank : merge->rank;
}

void BpeModel::merge_short(BpeScratch& scratch) const {
    std::vector<std::int32_t>& ids = scratch.ids;
    std::vector<std::uint32_t>& ranks = scratch.ranks;  // Of the pair that starts at a position.
    ranks.clear();
    for (std::size_t i = 1; i < ids.size(); ++i) {
        ranks.push_back(rank_of(ids[i - 1], ids[i]));
    }
    while (!ranks.empty()) {
        const auto lowest = std::ranges::min_element(ranks);  // The leftmost of equals.
        if (*lowest == kNoRank) {
            return;
        }
        const auto at = static_cast<std::size_t>(lowest - ranks.begin());
        ids[at] = merge_of(ids[at], ids[at + 1])->id;
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        ranks.erase(lowest);
        if (at > 0) {
            ranks[at - 1] = rank_of(ids[at - 1], ids[at]);
        }
        if (at + 1 < ids.size()) {
            ranks[at] = rank_of(ids[at], ids[at + 1]);
        }
    }
}

namespace {

// A heap with the lowest rank, then the lowest position, on top.
bool is_later(const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
}

}  // namespace

void BpeModel::push_candidate(BpeScratch& scratch, std::int32_t position) const {
    const BpeScratch::Link& link = scratch.links[static_cast<std::size_t>(position)];
    if (link.next < 0) {
        return;
    }
    const std::int32_t right = scratch.links[static_cast<std::size_t>(link.next)].id;
    const std::uint32_t rank = rank_of(link.id, right);
    if (rank != kNoRank) {
        scratch.heap.push_back({.rank = rank, .position = position, .left = link.id, .right = right});
        std::ranges::push_heap(scratch.heap, is_later);
    }
}

void BpeModel::merge_long(BpeScratch& scratch) const {
    auto& links = scratch.links;
    links.clear();
    scratch.heap.clear();
    const auto count = static_cast<std::int32_t>(scratch.ids.size());
    for (std::int32_t i = 0; i < count; ++i) {
        links.push_back({scratch.ids[static_cast<std::size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1});
    }
    for (std::int32_t i = 0; i < count; ++i) {
        push_candidate(scratch, i);
    }
    while (!scratch.heap.empty()) {
        std::ranges::pop_heap(scratch.heap, is_later);
        const BpeScratch::Candidate top = scratch.heap.back();
        scratch.heap.pop_back();
        BpeScratch::Link& link = links[static_cast<std::size_t>(top.position)];
        if (link.id != top.left || link.next < 0) {
            continue;
        }
        BpeScratch::Link& right = links[static_cast<std::size_t>(link.next)];
        if (right.id != top.right) {
            continue;
        }
        link.id = merge_of(top.left, top.right)->id;
        link.next = right.next;
        right.id = -1;  // Gone: no candidate has it.
        if (link.next >= 0) {
            links[static_cast<std::size_t>(link.next)].previous = top.position;
        }
        if (link.previous >= 0) {
            push_candidate(scratch, link.previous);
        }
        push_candidate(scratch, top.position);
    }
    scratch.ids.clear();
    for (std::int32_t i = 0; i >= 0; i = links[static_cast<std::size_t>(i)].next) {
        scratch.ids.push_back(links[static_cast<std::size_t>(i)].id);
    }
}

}  // namespace capstan::text
