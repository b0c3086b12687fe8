#pragma once

// Threads for blocking work, behind a queue with a limit.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace capstan::http {

class WorkerPool {
public:
    using Work = std::move_only_function<void()>;

    // Threads are made when work waits and none is idle, up to `threads_max`.
    WorkerPool(int threads_max, int queue_max) : threads_max_(threads_max), queue_max_(queue_max) {}

    ~WorkerPool();  // stop()
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // False, and `work` untouched, when all threads are busy and the queue is full, or after stop().
    bool submit(Work&& work);
    // Does all that is queued, then ends the threads.
    void stop();
    int waiting() const;  // Queued, not begun.

private:
    void run();

    const int threads_max_;
    const int queue_max_;
    mutable std::mutex mutex_;  // Guards all below.
    std::condition_variable wake_;
    std::deque<Work> queue_;
    std::vector<std::thread> threads_;
    int idle_ = 0;
    bool is_stopping_ = false;
};

}  // namespace capstan::http
