#pragma once

// Sequences that wait for the engine, first come first served, never more than a limit.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
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

    // The first, when there is one and `may_start` says so. One taker.
    std::unique_ptr<Sequence> pop_if(const std::function<bool(Sequence&)>& may_start);

    // Those whose callers gave up.
    std::vector<std::unique_ptr<Sequence>> take_cancelled();

    // Blocks until something waits here or the queue is closed.
    void wait();

    // No more come in; returns what waited.
    std::vector<std::unique_ptr<Sequence>> close();

    std::size_t size() const;
    bool closed() const;

private:
    const std::size_t waiting_max_;
    mutable std::mutex mutex_;  // Guards what follows.
    std::condition_variable changed_;
    std::deque<std::unique_ptr<Sequence>> waiting_;
    bool closed_ = false;
};

}  // namespace capstan::engine
