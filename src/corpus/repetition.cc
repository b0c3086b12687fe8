#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <numeric>
#include <unordered_set>
#include <vector>

#include "base/hash.h"
#include "corpus/quality.h"
#include "corpus/words.h"

namespace capstan::corpus {
namespace {

constexpr std::array<std::string_view, 3> kTopReasons = {"top_2_gram", "top_3_gram", "top_4_gram"};
constexpr std::array<std::string_view, 6> kDuplicateReasons = {
    "duplicated_5_n_grams",
    "duplicated_6_n_grams",
    "duplicated_7_n_grams",
    "duplicated_8_n_grams",
    "duplicated_9_n_grams",
    "duplicated_10_n_grams"
};

std::size_t characters_in(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

// Parts between runs of at least `line_ends_min` line ends.
std::vector<std::string_view> split_parts(std::string_view text, std::size_t line_ends_min) {
    std::vector<std::string_view> parts;
    std::size_t begin = 0;
    std::size_t i = 0;
    while (i < text.size()) {
        const std::size_t end = std::min(text.find('\n', i), text.size());
        const std::size_t after = std::min(text.find_first_not_of('\n', end), text.size());
        if (after - end >= line_ends_min) {
            parts.push_back(text.substr(begin, end - begin));
            begin = after;
        }
        i = after;
    }
    parts.push_back(text.substr(begin));
    return parts;
}

struct Duplicates {
    double share = 0;       // Of the parts.
    double characters = 0;  // Share of the text.
};

Duplicates find_duplicates(const std::vector<std::string_view>& parts, std::size_t text_characters) {
    std::unordered_set<std::string_view> seen;
    std::size_t count = 0;
    std::size_t characters = 0;
    for (const auto part : parts) {
        if (!seen.insert(part).second) {
            count += 1;
            characters += characters_in(part);
        }
    }
    return {
        static_cast<double>(count) / static_cast<double>(parts.size()),
        static_cast<double>(characters) / static_cast<double>(text_characters)
    };
}

// Words as numbers: equal words have equal numbers, n-grams are compared by them.
class NGrams {
public:
    explicit NGrams(const std::vector<std::string_view>& words) {
        for (const auto word : words) {
            hashes_.push_back(xxh3_64(word));
            lengths_.push_back(characters_in(word));
        }
    }

    bool has(std::size_t n) const { return hashes_.size() >= n; }

    // Characters of the most frequent n-gram, joined by spaces, times its count; the first one wins a tie.
    std::size_t top_characters(std::size_t n) {
        identify(n);
        std::vector<std::uint32_t> counts(ids_.size(), 0);
        for (const auto id : ids_) {
            counts[id] += 1;
        }
        std::size_t best = 0;
        for (std::size_t i = 1; i < ids_.size(); ++i) {
            best = counts[ids_[i]] > counts[ids_[best]] ? i : best;
        }
        return (length_of(best, n) + n - 1) * counts[ids_[best]];
    }

    // Characters (without spaces) of n-grams that stood before; after one, goes on behind it.
    std::size_t duplicate_characters(std::size_t n) {
        identify(n);
        std::vector<bool> seen(ids_.size(), false);
        std::size_t characters = 0;
        std::size_t i = 0;
        while (i < ids_.size()) {
            if (seen[ids_[i]]) {
                characters += length_of(i, n);
                i += n;
            } else {
                seen[ids_[i]] = true;
                i += 1;
            }
        }
        return characters;
    }

private:
    std::vector<std::uint64_t> hashes_;
    std::vector<std::size_t> lengths_;
    std::vector<std::uint32_t> ids_;  // Of the n-gram at each place; equal for equal ones, below their count.
    std::vector<std::pair<std::uint64_t, std::uint32_t>> table_;  // Hash and id, by linear probing.

    std::size_t length_of(std::size_t first, std::size_t n) const {
        const auto begin = lengths_.begin() + static_cast<std::ptrdiff_t>(first);
        return std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(n), std::size_t{0});
    }

    std::uint64_t hash_of(std::size_t first, std::size_t n) const {
        std::uint64_t hash = 0;
        for (std::size_t k = 0; k < n; ++k) {
            hash = (hash ^ hashes_[first + k]) * 0x9E3779B97F4A7C15ULL;
            hash ^= hash >> 29;
        }
        return hash;
    }

    void identify(std::size_t n) {
        constexpr std::uint32_t kFree = 0xFFFFFFFF;
        const std::size_t count = hashes_.size() - n + 1;
        const std::size_t mask = std::bit_ceil(count * 2) - 1;
        table_.assign(mask + 1, {0, kFree});
        ids_.resize(count);
        std::uint32_t next_id = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t hash = hash_of(i, n);
            std::size_t place = hash & mask;
            while (table_[place].second != kFree && table_[place].first != hash) {
                place = (place + 1) & mask;
            }
            if (table_[place].second == kFree) {
                table_[place] = {hash, next_id++};
            }
            ids_[i] = table_[place].second;
        }
    }
};

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\n");
    return begin == std::string_view::npos ? std::string_view()
                                           : text.substr(begin, text.find_last_not_of(" \t\n") + 1 - begin);
}

}  // namespace

std::string_view repetition_fault(std::string_view text, const RepetitionLimits& limits) {
    const std::size_t characters = characters_in(text);
    if (characters == 0) {
        return "";
    }
    const auto paragraphs = find_duplicates(split_parts(trimmed(text), 2), characters);
    if (paragraphs.share > limits.duplicate_paragraphs_max) {
        return "dup_para_frac";
    }
    if (paragraphs.characters > limits.duplicate_paragraph_characters_max) {
        return "dup_para_char_frac";
    }
    const auto lines = find_duplicates(split_parts(text, 1), characters);
    if (lines.share > limits.duplicate_lines_max) {
        return "dup_line_frac";
    }
    if (lines.characters > limits.duplicate_line_characters_max) {
        return "dup_line_char_frac";
    }
    NGrams grams(split_at_white_space(text));
    const auto total = static_cast<double>(characters);
    for (std::size_t n = 2; n <= 4 && grams.has(n); ++n) {
        if (static_cast<double>(grams.top_characters(n)) / total > limits.top_ngram_max[n - 2]) {
            return kTopReasons[n - 2];
        }
    }
    for (std::size_t n = 5; n <= 10 && grams.has(n); ++n) {
        if (static_cast<double>(grams.duplicate_characters(n)) / total > limits.duplicate_ngrams_max[n - 5]) {
            return kDuplicateReasons[n - 5];
        }
    }
    return "";
}

}  // namespace capstan::corpus
