#include "text/word_cache.h"

#include <algorithm>

namespace capstan::text {

void WordCache::encode(const BpeModel& model, std::string_view word, std::vector<std::int32_t>& ids) {
    if (word.size() > kWordBytesMax) {
        model.encode(word, scratch_, ids);
        return;
    }
    Entry& entry = entries_[xxh3_64(word) % kEntries];
    if (entry.word_bytes == word.size() && std::string_view(entry.word.data(), entry.word_bytes) == word) {
        ids.insert(ids.end(), entry.ids.begin(), entry.ids.begin() + entry.ids_count);
        return;
    }
    const std::size_t before = ids.size();
    model.encode(word, scratch_, ids);
    const std::size_t count = ids.size() - before;
    if (count <= kIdsMax) {
        entry.word_bytes = static_cast<std::uint8_t>(word.size());
        entry.ids_count = static_cast<std::uint8_t>(count);
        std::ranges::copy(word, entry.word.begin());
        std::copy(ids.end() - static_cast<std::ptrdiff_t>(count), ids.end(), entry.ids.begin());
    }
}

WordCachePool::Loan::Loan(WordCachePool& pool) : pool_(pool) {
    {
        const std::scoped_lock lock(pool_.mutex_);
        if (!pool_.free_.empty()) {
            cache_ = std::move(pool_.free_.back());
            pool_.free_.pop_back();
        }
    }
    if (!cache_) {
        cache_ = std::make_unique<WordCache>();
    }
}

WordCachePool::Loan::~Loan() {
    const std::scoped_lock lock(pool_.mutex_);
    if (pool_.free_.size() < kKeptMax) {
        pool_.free_.push_back(std::move(cache_));
    }
}

}  // namespace capstan::text
