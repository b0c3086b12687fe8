#pragma once

// The order in which waiting sequences start: by priority, then the key that was served least, then in the
// order in which they came.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/scheduling/fair_share.h"
#include "engine/scheduling/sequence.h"

namespace capstan::engine {

// Used from the engine's thread only. Costs grow with the logarithm of the number of keys.
class WaitingLine {
public:
    // Behind those of its priority and key, or before them when it comes back after it ran.
    void add(std::unique_ptr<Sequence> sequence);
    void put_back(std::unique_ptr<Sequence> sequence);

    // Who is next; null when nobody waits.
    Sequence* first();
    std::unique_ptr<Sequence> take_first();

    // Those whose callers gave up or whose deadline has passed. Looks at all.
    std::vector<std::unique_ptr<Sequence>> take_ended(std::int64_t now_ms);

    std::vector<std::unique_ptr<Sequence>> take_all();

    std::size_t size() const { return size_; }

private:
    // The sequences of one priority.
    struct Lane {
        std::unordered_map<std::string, std::deque<std::unique_ptr<Sequence>>> lines;  // By key; none empty.
        // The keys by what they had been served when they were put here. It only grows, so the first whose
        // value is still true is the least.
        std::set<std::pair<std::int64_t, std::string>> order;
    };

    std::deque<std::unique_ptr<Sequence>>& line_of(const Sequence& sequence);

    std::map<int, Lane> lanes_;  // By priority; none empty.
    std::size_t size_ = 0;
};

}  // namespace capstan::engine
