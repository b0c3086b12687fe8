#pragma once

// The merging half of BPE training: words as sequences of symbols, pair counts that are kept up to date, and
// a queue of pairs by count.

#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

#include "text/hash_table.h"

namespace capstan::text {

using Symbol = std::uint32_t;

struct SymbolPair {
    Symbol left = 0;
    Symbol right = 0;

    std::uint64_t key() const { return std::uint64_t{left} << 32 | right; }
};

class BpeMerger {
public:
    // Words first: `symbols` in order, and how often the word occurs.
    void add_word(const std::vector<Symbol>& symbols, std::uint64_t count);
    void count_pairs();

    // Takes the most frequent pair from the queue (of equals, that with the smallest symbols); nothing when
    // no pair occurs `min_frequency` times, or at all.
    std::optional<SymbolPair> take_best(std::uint64_t min_frequency);

    // Replaces the pair that take_best gave by `merged`, wherever the queue knew it, and counts what is new.
    void merge(SymbolPair pair, Symbol merged);

private:
    struct Word {
        std::uint64_t first = 0;  // In symbols_.
        std::uint32_t length = 0;
        std::int64_t count = 0;
    };

    struct PairState {
        std::int64_t count = 0;
        std::uint32_t touched = kUntouched;  // In touched_, while one merge goes on.
    };

    struct Touched {
        std::uint64_t pair = 0;
        std::vector<std::uint32_t> words;  // Those in which the pair is new.
    };

    struct Candidate {
        std::int64_t count = 0;  // When it entered the queue; the true one is in pairs_.
        std::uint64_t pair = 0;
        std::uint32_t words = 0;  // In word_lists_.

        bool operator<(const Candidate& other) const {
            return count != other.count ? count < other.count : pair > other.pair;
        }
    };

    static constexpr std::uint32_t kUntouched = ~std::uint32_t{0};

    void change_count(SymbolPair pair, std::uint32_t word, int change);
    void merge_in_word(std::uint32_t word, SymbolPair pair, Symbol merged);
    void queue_touched();

    std::vector<Symbol> symbols_;
    std::vector<Word> words_;
    NumberTable<PairState> pairs_;
    std::vector<Touched> touched_;
    std::vector<std::vector<std::uint32_t>> word_lists_;
    std::priority_queue<Candidate> queue_;
    std::uint32_t best_words_ = 0;  // What the last take_best took, in word_lists_.
};

}  // namespace capstan::text
