#include "engine/grammar/grammar_cache.h"

#include <algorithm>

#include "engine/grammar/compiled_grammar.h"

namespace capstan::engine {
namespace {

// So many grammars, each as large as it may become, fill the cache.
constexpr std::size_t kLargeGrammars = 8;

}  // namespace

std::shared_ptr<const CompiledGrammar> GrammarCache::find(std::string_view key) {
    const std::scoped_lock lock(mutex_);
    const auto known = std::ranges::find(latest_, key, &Entry::first);
    if (known == latest_.end()) {
        return nullptr;
    }
    latest_.splice(latest_.begin(), latest_, known);
    drop_oldest();
    return latest_.front().second;
}

void GrammarCache::add(std::string key, std::shared_ptr<const CompiledGrammar> grammar) {
    const std::scoped_lock lock(mutex_);
    latest_.emplace_front(std::move(key), std::move(grammar));
    drop_oldest();
}

void GrammarCache::clear() {
    const std::scoped_lock lock(mutex_);
    latest_.clear();
}

void GrammarCache::drop_oldest() {
    std::size_t bytes = 0;
    std::size_t kept = 0;
    for (auto entry = latest_.begin(); entry != latest_.end();) {
        bytes += bytes_of(*entry);
        const bool is_kept = ++kept == 1 || (kept <= kGrammarsMax && bytes <= bytes_max_);
        entry = is_kept ? std::next(entry) : latest_.erase(entry);
    }
}

std::size_t GrammarCache::bytes() const {
    const std::scoped_lock lock(mutex_);
    std::size_t bytes = 0;
    for (const Entry& entry : latest_) {
        bytes += bytes_of(entry);
    }
    return bytes;
}

std::size_t GrammarCache::masks_bytes_max() const {
    return std::min(kMasksBytesMax, bytes_max_ / kLargeGrammars);
}

}  // namespace capstan::engine
