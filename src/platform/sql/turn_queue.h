#pragma once

// Whose turn it is: one holder at a time, the others in line, first come, first served, each with a deadline.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>

#include "base/result.h"

namespace capstan::sql {

class TurnQueue {
public:
    TurnQueue(std::int64_t wait_ms_max, std::size_t waiting_max)
        : wait_ms_max_(wait_ms_max), waiting_max_(waiting_max) {}

    // Returns when it is the caller's turn; the caller must give it back by pass_on or release. kExhausted at
    // once when the line is full; kUnavailable when the turn did not come in time.
    Result<void> take();

    // Gives the turn to the first in line. False, and the caller keeps it, when nobody waits.
    bool pass_on();

    // Gives the turn to the first in line, or to nobody.
    void release();

private:
    struct Waiter {
        std::condition_variable granted;
        bool has_turn = false;
    };

    const std::int64_t wait_ms_max_;
    const std::size_t waiting_max_;
    std::mutex mutex_;
    bool is_taken_ = false;        // By mutex_.
    std::deque<Waiter*> waiting_;  // By mutex_. Each lives on its thread's stack until it leaves the line.
};

}  // namespace capstan::sql
