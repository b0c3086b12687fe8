#pragma once

// Counts of n-grams, private to this room.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace capstan::metrics {

using NGramCounts = std::unordered_map<std::string, std::uint64_t>;

// n-grams of `parts`, joined by `separator`.
inline NGramCounts count_ngrams(
    const std::vector<std::string_view>& parts, std::size_t n, std::string_view separator
) {
    NGramCounts counts;
    for (std::size_t i = 0; i + n <= parts.size(); ++i) {
        std::string ngram(parts[i]);
        for (std::size_t k = 1; k < n; ++k) {
            ngram += separator;
            ngram += parts[i + k];
        }
        counts[std::move(ngram)] += 1;
    }
    return counts;
}

// Each n-gram as often as both have it.
inline std::uint64_t shared_count(const NGramCounts& a, const NGramCounts& b) {
    std::uint64_t shared = 0;
    for (const auto& [ngram, count] : a) {
        if (const auto found = b.find(ngram); found != b.end()) {
            shared += std::min(count, found->second);
        }
    }
    return shared;
}

inline std::uint64_t total_count(const NGramCounts& counts) {
    std::uint64_t total = 0;
    for (const auto& [ngram, count] : counts) {
        total += count;
    }
    return total;
}

}  // namespace capstan::metrics
