#pragma once

// Many sequences of one caller, several of them in the engine at a time.

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>

#include "base/result.h"
#include "engine/scheduling/token_channel.h"

namespace capstan::engine {

struct Submissions {
    std::size_t count = 0;
    std::size_t at_once_max = 8;
    std::stop_token stop = {};  // Cancels those under way; `take` sees how they ended.
};

// Calls `submit` for 0 to count - 1, and `take` with each channel that has ended, in the same order. Blocks.
// With the first error those under way are cancelled. A full queue is none while some of ours go on.
Result<void> submit_all(
    const Submissions& submissions,
    const std::function<Result<std::shared_ptr<TokenChannel>>(std::size_t index)>& submit,
    const std::function<Result<void>(TokenChannel& channel)>& take
);

}  // namespace capstan::engine
