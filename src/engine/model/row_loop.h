#pragma once

// Element-wise work on the rows of a batch, shared out when there is enough of it.

#include <cstdint>
#include <utility>
#include <vector>

#include "engine/kernels/thread_team.h"

namespace capstan::engine {

// Calls part(row) for each row, once. `work`: elements that one row touches.
template <typename Part>
void for_rows(ThreadTeam& team, std::int64_t rows, std::int64_t work, const Part& part) {
    // Below this many elements a loop is not worth waking other threads.
    constexpr std::int64_t kSharedWorkMin = 16'384;
    team.run(rows, rows * work < kSharedWorkMin ? rows : 1, [&](int, std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            part(row);
        }
    });
}

// Scratch grows to the largest batch and stays.
inline void grow(std::vector<float>& buffer, std::int64_t count) {
    if (std::cmp_less(buffer.size(), count)) {
        buffer.resize(static_cast<std::size_t>(count));
    }
}

}  // namespace capstan::engine
