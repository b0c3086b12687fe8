#include "engine/scheduling/guess_count.h"

#include <algorithm>

namespace capstan::engine {
namespace {

constexpr std::int64_t kPauseMax = 64;

}  // namespace

std::int64_t GuessCount::next(std::int64_t most) {
    if (pause_ > 0) {
        --pause_;
        return 0;
    }
    return std::min(count_, most);
}

void GuessCount::learn(std::int64_t guessed, std::int64_t accepted) {
    if (accepted > 0) {
        count_ = accepted == guessed ? 2 * guessed : accepted + 1;
        pause_next_ = 1;
    } else {
        count_ = 1;
        pause_ = pause_next_;
        pause_next_ = std::min(kPauseMax, 2 * pause_next_);
    }
}

}  // namespace capstan::engine
