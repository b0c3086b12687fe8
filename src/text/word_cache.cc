#include "text/word_cache.h"

#include <algorithm>
#include <cstring>

namespace capstan::text {

namespace {

// Two overlapping loads of eight, or what there is: a cache may forget, so a weak hash is enough.
std::uint64_t quick_hash(std::string_view word) {
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    if (word.size() >= sizeof head) {
        std::memcpy(&head, word.data(), sizeof head);
        std::memcpy(&tail, word.data() + word.size() - sizeof tail, sizeof tail);
    } else if (word.size() >= sizeof(std::uint32_t)) {
        std::memcpy(&head, word.data(), sizeof(std::uint32_t));
        std::memcpy(&tail, word.data() + word.size() - sizeof(std::uint32_t), sizeof(std::uint32_t));
    } else {
        for (const char c : word) {
            head = head << 8 | static_cast<unsigned char>(c);
        }
    }
    std::uint64_t mixed = (head ^ word.size()) * 0x9E3779B97F4A7C15U;
    mixed = (mixed ^ mixed >> 32 ^ tail) * 0xD6E8FEB86659FD93U;
    return mixed >> 40;
}

}  // namespace

void WordCache::encode(const TokenModel& model, std::string_view word, std::vector<std::int32_t>& ids) {
    if (word.size() > kWordBytesMax) {
        model.encode(word, scratch_, ids);
        return;
    }
    Entry& entry = entries_[quick_hash(word) % kEntries];
    if (entry.word_bytes == word.size() && std::memcmp(entry.word.data(), word.data(), word.size()) == 0) {
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
