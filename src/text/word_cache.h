#pragma once

// Ids of words that were encoded lately: text repeats its words, and looking one up is cheaper than merging
// it.

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "text/token_model.h"

namespace capstan::text {

// One thread's memory of words: direct-mapped, so a newer word takes the place of an older one.
class WordCache {
public:
    WordCache() : entries_(kEntries) {}

    // Appends the ids of `word` by `model`, always the same model.
    void encode(const TokenModel& model, std::string_view word, std::vector<std::int32_t>& ids);

private:
    static constexpr std::size_t kEntries = 8192;
    static constexpr std::size_t kWordBytesMax = 30;
    static constexpr std::size_t kIdsMax = 8;

    struct Entry {  // One cache line.
        std::uint8_t word_bytes = 0;
        std::uint8_t ids_count = 0;
        std::array<char, kWordBytesMax> word{};
        std::array<std::int32_t, kIdsMax> ids{};
    };

    static_assert(sizeof(Entry) == 64);

    std::vector<Entry> entries_;
    ModelScratch scratch_;
};

// Lends caches to the threads that encode with one tokenizer; each has one for itself as long as it holds it.
class WordCachePool {
public:
    class Loan {
    public:
        explicit Loan(WordCachePool& pool);
        ~Loan();
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;

        WordCache& operator*() { return *cache_; }

    private:
        WordCachePool& pool_;
        std::unique_ptr<WordCache> cache_;
    };

private:
    static constexpr std::size_t kKeptMax = 32;

    std::mutex mutex_;  // Guards free_.
    std::vector<std::unique_ptr<WordCache>> free_;
};

}  // namespace capstan::text
