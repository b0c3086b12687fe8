#pragma once

// Training a byte-level BPE tokenizer: the vocabulary and merges that Hugging Face's BpeTrainer makes from
// the same texts (tokenizers 0.23; ByteLevel pre-tokenizer without prefix space, initial alphabet of 256
// bytes).

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/hash_table.h"

namespace capstan::text {

struct BpeSettings {
    std::size_t vocabulary_size = 4096;       // With the special tokens and the 256 bytes; at most 1,000,000.
    std::uint64_t min_frequency = 0;          // A pair that is rarer is not merged.
    std::vector<std::string> special_tokens;  // They get the ids from 0 on, in this order.
};

struct BpeVocabulary {
    std::vector<std::string> tokens;  // By id: special tokens as they are, others in the byte alphabet.
    std::vector<std::pair<std::int32_t, std::int32_t>> merges;  // Pairs of ids, first to last.
    std::size_t special_tokens = 0;                             // How many of `tokens`, from the front.
};

struct BpeProgress {
    std::size_t tokens = 0;  // In the vocabulary so far.
    std::size_t tokens_wanted = 0;
};

// Both may be empty. Called about every hundred merges, from the thread that trains.
struct BpeWatch {
    std::function<void(const BpeProgress&)> on_progress;
    std::function<bool()> stop_requested;
};

// Feed it texts, then train. Not thread-safe. Memory: the distinct words.
class BpeTrainer {
public:
    explicit BpeTrainer(BpeSettings settings) : settings_(std::move(settings)) {}

    // Counts the words of one text (a document; no word spans two). Special tokens in it are plain text.
    void add(std::string_view text);

    std::uint64_t bytes() const { return bytes_; }  // Of all texts so far.

    std::size_t distinct_words() const { return words_.size(); }

    // Deterministic: depends only on the settings and on how often each word came. Fewer tokens than asked
    // for when the texts have no more pairs. kInvalid for settings out of range or without any text,
    // kCancelled when stopped.
    Result<BpeVocabulary> train(const BpeWatch& watch = {}) const;

private:
    BpeSettings settings_;
    StringTable words_;
    std::vector<std::uint64_t> counts_;  // By word.
    std::uint64_t bytes_ = 0;
};

}  // namespace capstan::text
