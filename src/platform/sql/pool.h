#pragma once

// A fixed number of things lent to one thread at a time; who finds none waits, with a deadline.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace capstan::sql {

template <typename Thing>
class Pool {
public:
    explicit Pool(std::vector<std::unique_ptr<Thing>> things) : free_(std::move(things)) {}

    // A thing given back at the end of the lease's life. Empty when none came free in time.
    class Lease {
    public:
        Lease(Pool* pool, std::unique_ptr<Thing> thing) : pool_(pool), thing_(std::move(thing)) {}

        ~Lease() {
            if (thing_) {
                pool_->give_back(std::move(thing_));
            }
        }

        Lease(Lease&&) noexcept = default;
        Lease& operator=(Lease&&) = delete;

        explicit operator bool() const { return thing_ != nullptr; }

        Thing* operator->() const { return thing_.get(); }

    private:
        Pool* pool_;
        std::unique_ptr<Thing> thing_;
    };

    Lease borrow(std::int64_t wait_ms_max) {
        std::unique_lock lock(mutex_);
        const auto wait = std::chrono::milliseconds(wait_ms_max);
        if (!came_back_.wait_for(lock, wait, [&] { return !free_.empty(); })) {
            return Lease(this, nullptr);
        }
        std::unique_ptr<Thing> thing = std::move(free_.back());  // The last used: its caches are warm.
        free_.pop_back();
        return Lease(this, std::move(thing));
    }

private:
    void give_back(std::unique_ptr<Thing> thing) {
        const std::scoped_lock lock(mutex_);
        free_.push_back(std::move(thing));
        came_back_.notify_one();
    }

    std::mutex mutex_;
    std::condition_variable came_back_;
    std::vector<std::unique_ptr<Thing>> free_;  // By mutex_.
};

}  // namespace capstan::sql
