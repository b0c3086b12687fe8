#pragma once

// Finds training documents that contain what the model will be tested on: shared n-grams of simplified words
// (13, as in GPT-3; datatrove takes 12 and drops at the first).

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace capstan::corpus {

struct DecontaminateSettings {
    std::size_t ngram_words = 13;
    // A document is dropped when more than this share of its own n-grams, or of one held-out document's, is
    // shared. 0: one shared n-gram is enough.
    double overlap_max = 0.2;
};

class ContaminationIndex {
public:
    explicit ContaminationIndex(const DecontaminateSettings& settings) : settings_(settings) {}

    // The different n-grams of `text`, as hashes. Thread-safe.
    std::vector<std::uint64_t> ngrams_in(std::string_view text) const;

    // What ngrams_in() gave for the next held-out document; its number is the count of those before.
    void add(const std::vector<std::uint64_t>& ngrams);

    struct Overlap {
        std::uint32_t document = 0;  // The held-out one that shares most.
        double share = 0.0;          // Of the n-grams of the document or of the held-out one: the larger.
        std::vector<std::uint64_t> ngrams;  // The shared ones, each once.
    };

    // What `text` shares. Thread-safe while nothing is added.
    Overlap overlap_with(std::string_view text) const;

    bool is_contaminated(const Overlap& overlap) const;

    std::size_t ngram_count() const { return documents_of_.size(); }

private:
    DecontaminateSettings settings_;
    std::vector<std::uint32_t> ngrams_of_;  // Different ones of each held-out document.
    // The documents that have an n-gram, up to a few: one that stands in more tells little about any of them.
    std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> documents_of_;
};

}  // namespace capstan::corpus
