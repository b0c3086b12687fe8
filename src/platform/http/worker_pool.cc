#include "platform/http/worker_pool.h"

#include <utility>

namespace capstan::http {

WorkerPool::~WorkerPool() {
    stop();
}

bool WorkerPool::submit(Work&& work) {
    {
        const std::scoped_lock lock(mutex_);
        const auto idle = static_cast<std::size_t>(idle_);
        const bool can_grow = static_cast<int>(threads_.size()) < threads_max_;
        if (is_stopping_ || (queue_.size() >= idle + static_cast<std::size_t>(queue_max_) && !can_grow)) {
            return false;
        }
        queue_.push_back(std::move(work));
        if (queue_.size() > idle && can_grow) {
            threads_.emplace_back([this] { run(); });
        }
    }
    wake_.notify_one();
    return true;
}

void WorkerPool::stop() {
    std::vector<std::thread> threads;
    {
        const std::scoped_lock lock(mutex_);
        is_stopping_ = true;
        threads.swap(threads_);
    }
    wake_.notify_all();
    for (std::thread& thread : threads) {
        thread.join();
    }
}

int WorkerPool::waiting() const {
    const std::scoped_lock lock(mutex_);
    return static_cast<int>(queue_.size());
}

void WorkerPool::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        ++idle_;
        wake_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
        --idle_;
        if (queue_.empty()) {
            return;
        }
        Work work = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        work();
        work = nullptr;  // Its captures end before the lock is taken again.
        lock.lock();
    }
}

}  // namespace capstan::http
