#pragma once

// Grammars that were made ready, kept for requests with the same constraint, within a bound of memory.

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "engine/grammar/token_constraint.h"

namespace capstan::engine {

// Thread-safe.
class GrammarCache {
public:
    // The latest kGrammarsMax are kept, as long as they hold no more than that; the very latest one always.
    explicit GrammarCache(std::size_t bytes_max = kBytesMax) : bytes_max_(bytes_max) {}

    // Null when it is not there. It is the latest from now on.
    std::shared_ptr<const CompiledGrammar> find(std::string_view key);
    void add(std::string key, std::shared_ptr<const CompiledGrammar> grammar);

    // Sequences under way keep theirs.
    void clear();

    // Of memory that the kept ones hold, about. They grow with what their sequences meet, so it may be over
    // the bound until the next `find` or `add`.
    std::size_t bytes() const;

    // Of the masks of one grammar; above it, its next sequences begin with none. Few grammars must not take
    // what is for all.
    std::size_t masks_bytes_max() const;

    static constexpr std::size_t kGrammarsMax = 128;
    static constexpr std::size_t kBytesMax = std::size_t{512} << 20;

private:
    using Entry = std::pair<std::string, std::shared_ptr<const CompiledGrammar>>;

    static std::size_t bytes_of(const Entry& entry) { return entry.first.size() + entry.second->bytes(); }

    void drop_oldest();  // As many as are too many. With mutex_ held.

    std::size_t bytes_max_;
    mutable std::mutex mutex_;  // Guards the list.
    std::list<Entry> latest_;   // The latest used first.
};

}  // namespace capstan::engine
