#include "engine/sampling/minimum_length.h"

#include <algorithm>
#include <utility>

namespace capstan::engine {

MinimumLength::MinimumLength(std::int64_t tokens_min, std::vector<llm::TokenId> ends, std::int64_t vocabulary)
    : tokens_min_(tokens_min), ends_(std::move(ends)) {
    std::erase_if(ends_, [vocabulary](llm::TokenId token) { return token < 0 || token >= vocabulary; });
    std::ranges::sort(ends_);
    ends_.erase(std::ranges::unique(ends_).begin(), ends_.end());
    if (tokens_min_ <= 0) {
        return;
    }
    constexpr std::int64_t kWordBits = 64;
    const auto words = static_cast<std::size_t>((vocabulary + kWordBits - 1) / kWordBits);
    all_.bits.assign(words, ~std::uint64_t{0});
    if (vocabulary % kWordBits != 0) {
        all_.bits.back() = (std::uint64_t{1} << (vocabulary % kWordBits)) - 1;
    }
    all_.count = vocabulary;
    if (all_.is_listed()) {
        for (llm::TokenId token = 0; token < vocabulary; ++token) {
            all_.tokens.push_back(token);
        }
    }
    remove_ends(all_);
}

const TokenMask* MinimumLength::within(const TokenMask* allowed, std::int64_t generated) {
    if (generated >= tokens_min_ || ends_.empty()) {
        return allowed;
    }
    if (allowed == nullptr) {
        return all_.count > 0 ? &all_ : nullptr;
    }
    const bool is_held = std::ranges::any_of(ends_, [&](auto token) { return allowed->allows(token); });
    if (!is_held) {
        return allowed;
    }
    some_ = *allowed;
    remove_ends(some_);
    return some_.count > 0 ? &some_ : allowed;
}

// The list of a mask that gets short enough for one is made.
void MinimumLength::remove_ends(TokenMask& mask) const {
    const bool was_listed = mask.is_listed();
    for (const llm::TokenId token : ends_) {
        if (mask.allows(token)) {
            const auto index = static_cast<std::size_t>(token);
            mask.bits[index / 64] &= ~(std::uint64_t{1} << (index % 64));
            --mask.count;
        }
    }
    if (was_listed) {
        std::erase_if(mask.tokens, [&](llm::TokenId token) { return !mask.allows(token); });
    } else if (mask.is_listed()) {
        const auto tokens = static_cast<llm::TokenId>(mask.bits.size() * 64);
        mask.tokens.clear();
        for (llm::TokenId token = 0; token < tokens; ++token) {
            if (mask.allows(token)) {
                mask.tokens.push_back(token);
            }
        }
    }
}

}  // namespace capstan::engine
