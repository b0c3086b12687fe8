#pragma once

// Where sequences come in from any thread, never more waiting than a limit. The engine's thread takes them
// from here into its own order (waiting_line.h) and says when they no longer wait.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "engine/scheduling/sequence.h"

namespace capstan::engine {

class SequenceQueue {
public:
    explicit SequenceQueue(std::size_t waiting_max) : waiting_max_(waiting_max) {}

    // kExhausted when full, kUnavailable when closed.
    Result<void> push(std::unique_ptr<Sequence> sequence);

    // Those that came since the last call; they wait on until `left`.
    std::vector<std::unique_ptr<Sequence>> take_arrivals();
    void left(std::size_t count);
    void came_back(std::size_t count);  // Even above the limit.

    // Blocks until something came in, `wake` was called or the queue is closed.
    void wait();
    void wake();

    // No more come in; returns what came in and was not taken.
    std::vector<std::unique_ptr<Sequence>> close();

    std::size_t size() const;  // Of all that wait.
    bool closed() const;

private:
    const std::size_t waiting_max_;
    mutable std::mutex mutex_;  // Guards what follows.
    std::condition_variable changed_;
    std::vector<std::unique_ptr<Sequence>> arrivals_;
    std::size_t waiting_ = 0;  // Arrivals, and those taken that have not left.
    bool woken_ = false;
    bool closed_ = false;
};

}  // namespace capstan::engine
