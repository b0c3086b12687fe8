#pragma once

// How any thread wakes a coroutine that waits for it.

#include <cstdint>
#include <memory>

#include "platform/http/task.h"

namespace capstan::http {

// For one waiting coroutine. A copy is the same signal.
class Signal {
public:
    // Of the coroutine that asks; it alone may wait.
    static Task<Signal> here();

    // Any thread, never blocks, cheap when it was called already. What comes before a wait ends it at once.
    void notify() const;

    // Until notify(), or for `wait_ms`; it may also end early for no reason. kCancelled when the coroutine
    // was cancelled before or while it waited.
    Task<Result<void>> wait(std::int64_t wait_ms) const;

private:
    struct State;

    explicit Signal(std::shared_ptr<State> state) : state_(std::move(state)) {}

    std::shared_ptr<State> state_;  // Shared with those who notify, who may outlive the coroutine.
};

}  // namespace capstan::http
