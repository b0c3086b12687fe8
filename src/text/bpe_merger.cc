#include "text/bpe_merger.h"

#include <utility>

namespace capstan::text {

void BpeMerger::add_word(const std::vector<Symbol>& symbols, std::uint64_t count) {
    words_.push_back(
        {.first = symbols_.size(),
         .length = static_cast<std::uint32_t>(symbols.size()),
         .count = static_cast<std::int64_t>(count)}
    );
    symbols_.insert(symbols_.end(), symbols.begin(), symbols.end());
}

void BpeMerger::count_pairs() {
    for (std::uint32_t word = 0; word < words_.size(); ++word) {
        const Symbol* symbols = symbols_.data() + words_[word].first;
        for (std::uint32_t i = 1; i < words_[word].length; ++i) {
            change_count({symbols[i - 1], symbols[i]}, word, +1);
        }
    }
    queue_touched();
}

std::optional<SymbolPair> BpeMerger::take_best(std::uint64_t min_frequency) {
    while (!queue_.empty()) {
        Candidate best = queue_.top();
        queue_.pop();
        const std::int64_t count = pairs_.find(best.pair)->count;
        if (best.count != count) {
            best.count = count;  // Its time comes later.
            queue_.push(best);
            continue;
        }
        if (count < 1 || static_cast<std::uint64_t>(count) < min_frequency) {
            return std::nullopt;
        }
        best_words_ = best.words;
        return SymbolPair{static_cast<Symbol>(best.pair >> 32), static_cast<Symbol>(best.pair)};
    }
    return std::nullopt;
}

void BpeMerger::merge(SymbolPair pair, Symbol merged) {
    const std::vector<std::uint32_t> words = std::exchange(word_lists_[best_words_], {});
    for (const std::uint32_t word : words) {
        merge_in_word(word, pair, merged);
    }
    queue_touched();
}

void BpeMerger::change_count(SymbolPair pair, std::uint32_t word, int change) {
    PairState& state = pairs_.at(pair.key());
    state.count += change * words_[word].count;
    if (change < 0) {
        return;
    }
    if (state.touched == kUntouched) {
        state.touched = static_cast<std::uint32_t>(touched_.size());
        touched_.push_back({.pair = pair.key(), .words = {}});
    }
    std::vector<std::uint32_t>& words = touched_[state.touched].words;
    if (words.empty() || words.back() != word) {
        words.push_back(word);
    }
}

// The count of the merged pair itself is left as it was, as in Hugging Face's trainer: the same pair may be
// queued again, for other words, when a merge makes a symbol that was there already.
void BpeMerger::merge_in_word(std::uint32_t word, SymbolPair pair, Symbol merged) {
    Symbol* symbols = symbols_.data() + words_[word].first;
    const std::uint32_t length = words_[word].length;
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < length; ++i) {
        if (i + 1 == length || symbols[i] != pair.left || symbols[i + 1] != pair.right) {
            symbols[kept++] = symbols[i];
            continue;
        }
        if (kept > 0) {
            change_count({symbols[kept - 1], pair.left}, word, -1);
            change_count({symbols[kept - 1], merged}, word, +1);
        }
        if (i + 2 < length) {
            change_count({pair.right, symbols[i + 2]}, word, -1);
            change_count({merged, symbols[i + 2]}, word, +1);
        }
        symbols[kept++] = merged;
        i += 1;
    }
    words_[word].length = kept;
}

void BpeMerger::queue_touched() {
    for (Touched& touched : touched_) {
        PairState& state = pairs_.at(touched.pair);
        state.touched = kUntouched;
        if (state.count > 0) {
            queue_.push(
                {.count = state.count,
                 .pair = touched.pair,
                 .words = static_cast<std::uint32_t>(word_lists_.size())}
            );
            word_lists_.push_back(std::move(touched.words));
        }
    }
    touched_.clear();
}

}  // namespace capstan::text
