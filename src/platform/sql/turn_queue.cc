#include "platform/sql/turn_queue.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace capstan::sql {

Result<void> TurnQueue::take() {
    std::unique_lock lock(mutex_);
    if (!is_taken_) {
        is_taken_ = true;
        return {};
    }
    if (waiting_.size() >= waiting_max_) {
        return Error{
            ErrorCode::kExhausted, fmt::format("{} writers wait for the database already", waiting_.size())
        };
    }
    Waiter self;
    waiting_.push_back(&self);
    const bool in_time =
        self.granted.wait_for(lock, std::chrono::milliseconds(wait_ms_max_), [&] { return self.has_turn; });
    if (!in_time) {
        std::erase(waiting_, &self);
        return Error{
            ErrorCode::kUnavailable,
            fmt::format("the database had no turn for a write in {} ms", wait_ms_max_)
        };
    }
    return {};
}

bool TurnQueue::pass_on() {
    const std::scoped_lock lock(mutex_);
    if (waiting_.empty()) {
        return false;
    }
    Waiter* next = waiting_.front();
    waiting_.pop_front();
    next->has_turn = true;
    next->granted.notify_one();  // Under the lock: `next` lives on a stack that unwinds once it has its turn.
    return true;
}

void TurnQueue::release() {
    const std::scoped_lock lock(mutex_);
    if (waiting_.empty()) {
        is_taken_ = false;
        return;
    }
    Waiter* next = waiting_.front();
    waiting_.pop_front();
    next->has_turn = true;
    next->granted.notify_one();
}

}  // namespace capstan::sql
