#include "engine/grammar/token_masks.h"

#include <algorithm>
#include <bit>
#include <string_view>

#include "base/hash.h"

namespace capstan::engine {
namespace {

void add_token(std::vector<std::uint64_t>& bits, llm::TokenId token) {
    const auto index = static_cast<std::size_t>(token);
    bits[index / 64] |= std::uint64_t{1} << (index % 64);
}

}  // namespace

Result<const TokenMask*> TokenMasks::mask_of(ConfigurationId id) {
    if (const auto known = mask_of_.find(id); known != mask_of_.end()) {
        return known->second;
    }
    work_allowed_ = configurations_.work() + kMaskWorkMax;
    TokenMask mask;
    mask.bits.resize(words());
    std::vector<std::int32_t> undecided;
    std::vector<ConfigurationId> parts;
    configurations_.parts_of(id, parts);
    for (const ConfigurationId one : parts) {
        const auto found = part(one);
        if (!found) {
            return found.error();
        }
        for (std::size_t i = 0; i < mask.bits.size(); ++i) {
            mask.bits[i] |= (*found)->accepted[i];
        }
        undecided.insert(undecided.end(), (*found)->undecided.begin(), (*found)->undecided.end());
    }
    if (auto decided = decide(id, std::move(undecided), mask); !decided) {
        return decided.error();
    }
    if (configurations_.accepts(id)) {
        for (const llm::TokenId token : trie_.end_tokens()) {
            if (static_cast<std::size_t>(token) < trie_.vocabulary()) {
                add_token(mask.bits, token);
            }
        }
    }
    const TokenMask* kept = keep(std::move(mask));
    mask_of_.emplace(id, kept);
    return kept;
}

Result<const TokenMasks::PartMask*> TokenMasks::part(ConfigurationId id) {
    auto& known = parts_[id];
    if (known == nullptr) {
        auto mask = std::make_unique<PartMask>();
        mask->accepted.resize(words());
        if (auto walked = walk_part(id, *mask); !walked) {
            parts_.erase(id);
            return walked.error();
        }
        mask_bytes_ += mask->accepted.size() * sizeof(std::uint64_t);
        mask_bytes_ += mask->undecided.size() * sizeof(std::int32_t);
        known = std::move(mask);
    }
    return known.get();
}

Result<void> TokenMasks::walk_part(ConfigurationId id, PartMask& mask) {
    const auto nodes = trie_.nodes();
    const auto end = static_cast<std::int32_t>(trie_.node_count());
    places_.assign(static_cast<std::size_t>(trie_.bytes_max()) + 1, {});
    places_[0] = {.configuration = id, .escaped = false};
    for (std::int32_t i = 1; i < end;) {
        const auto index = static_cast<std::size_t>(i);
        const TokenTrie::Node& node = nodes[index];
        const Place above = places_[node.depth - std::size_t{1}];
        const ConfigurationId here = configurations_.step(above.configuration, node.byte);
        if (here <= Configurations::kTooWide) {
            if (auto good = check_cost(here); !good) {
                return good;
            }
            if (above.escaped) {
                mask.undecided.push_back(i);
            }
            i = node.skip;
            continue;
        }
        add_tokens(mask.accepted, index);
        places_[node.depth] = {
            .configuration = here, .escaped = above.escaped || configurations_.escapes(here)
        };
        const bool goes_on = configurations_.can_go_on(here);
        if (goes_on && node.depth < kPartBytes) {
            ++i;
            if (auto good = check_cost(here); !good) {
                return good;
            }
            continue;
        }
        const bool is_undecided = goes_on || places_[node.depth].escaped;
        for (std::int32_t child = i + 1; is_undecided && child < node.skip;
             child = nodes[static_cast<std::size_t>(child)].skip) {
            mask.undecided.push_back(child);
        }
        i = node.skip;
    }
    return {};
}

// Adds those of the undecided tokens that the whole configuration takes.
Result<void> TokenMasks::decide(ConfigurationId id, std::vector<std::int32_t> undecided, TokenMask& mask) {
    std::ranges::sort(undecided);
    const auto nodes = trie_.nodes();
    places_.assign(static_cast<std::size_t>(trie_.bytes_max()) + 1, {});
    path_.assign(places_.size(), -1);
    places_[0] = {.configuration = id, .escaped = false};
    path_[0] = 0;
    std::int32_t done = 0;
    std::vector<std::int32_t> way;
    for (const std::int32_t root : undecided) {
        if (root < done) {
            continue;  // Below one that another part left undecided.
        }
        done = nodes[static_cast<std::size_t>(root)].skip;
        // From the last node that this way shares with the previous one down to the root's parent.
        way.clear();
        std::int32_t at = nodes[static_cast<std::size_t>(root)].parent;
        while (path_[nodes[static_cast<std::size_t>(at)].depth] != at) {
            way.push_back(at);
            at = nodes[static_cast<std::size_t>(at)].parent;
        }
        for (; !way.empty(); way.pop_back()) {
            const TokenTrie::Node& node = nodes[static_cast<std::size_t>(way.back())];
            path_[node.depth] = way.back();
            places_[node.depth].configuration =
                configurations_.step(places_[node.depth - std::size_t{1}].configuration, node.byte);
        }
        if (auto good = decide_below(root, mask); !good) {
            return good;
        }
    }
    return {};
}

Result<void> TokenMasks::decide_below(std::int32_t root, TokenMask& mask) {
    const auto nodes = trie_.nodes();
    const std::int32_t end = nodes[static_cast<std::size_t>(root)].skip;
    for (std::int32_t i = root; i < end;) {
        const auto index = static_cast<std::size_t>(i);
        const TokenTrie::Node& node = nodes[index];
        const ConfigurationId here =
            configurations_.step(places_[node.depth - std::size_t{1}].configuration, node.byte);
        if (auto good = check_cost(here); !good) {
            return good;
        }
        if (here == Configurations::kDead) {
            i = node.skip;
            continue;
        }
        add_tokens(mask.bits, index);
        path_[node.depth] = i;
        places_[node.depth].configuration = here;
        i = configurations_.can_go_on(here) ? i + 1 : node.skip;
    }
    return {};
}

const TokenMask* TokenMasks::keep(TokenMask mask) {
    const std::uint64_t hash =
        xxh3_64({reinterpret_cast<const char*>(mask.bits.data()), mask.bits.size() * sizeof(std::uint64_t)});
    for (auto [known, end] = masks_.equal_range(hash); known != end; ++known) {
        if (known->second->bits == mask.bits) {
            return known->second.get();
        }
    }
    for (const std::uint64_t word : mask.bits) {
        mask.count += std::popcount(word);
    }
    if (mask.is_listed()) {
        for (std::size_t i = 0; i < mask.bits.size(); ++i) {
            for (std::uint64_t left = mask.bits[i]; left != 0; left &= left - 1) {
                mask.tokens.push_back(static_cast<llm::TokenId>(i * 64) + std::countr_zero(left));
            }
        }
    }
    mask_bytes_ += mask.bits.size() * sizeof(std::uint64_t) + mask.tokens.size() * sizeof(llm::TokenId);
    return masks_.emplace(hash, std::make_unique<TokenMask>(std::move(mask)))->second.get();
}

void TokenMasks::add_tokens(std::vector<std::uint64_t>& bits, std::size_t node) const {
    for (const llm::TokenId token : trie_.tokens_at(node)) {
        add_token(bits, token);
    }
}

// Cheap where nothing was new.
Result<void> TokenMasks::check_cost(ConfigurationId latest) {
    if (configurations_.work() == work_checked_ && latest != Configurations::kTooWide) {
        return {};
    }
    work_checked_ = configurations_.work();
    if (latest == Configurations::kTooWide || configurations_.work() > work_allowed_) {
        return too_ambiguous();
    }
    if (bytes() > kMaskBytesMax) {
        return Error{
            ErrorCode::kTooLarge, "the grammar needs too much memory for this answer: make it smaller"
        };
    }
    return {};
}

Error TokenMasks::too_ambiguous() {
    return {
        ErrorCode::kTooLarge,
        "the grammar is too ambiguous: too many ways to read the answer so far; make its alternatives differ "
        "earlier, or its repetitions smaller"
    };
}

std::size_t TokenMasks::bytes() const {
    return configurations_.bytes() + mask_bytes_;
}

}  // namespace capstan::engine
