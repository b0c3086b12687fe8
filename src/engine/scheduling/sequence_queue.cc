#include "engine/scheduling/sequence_queue.h"

#include <utility>

#include <fmt/format.h>

namespace capstan::engine {

Result<void> SequenceQueue::push(std::unique_ptr<Sequence> sequence) {
    const std::scoped_lock lock(mutex_);
    if (closed_) {
        return Error{ErrorCode::kUnavailable, "the engine is shutting down"};
    }
    if (waiting_ >= waiting_max_) {
        return Error{
            ErrorCode::kExhausted, fmt::format("{} requests wait already; try again later", waiting_)
        };
    }
    ++waiting_;
    arrivals_.push_back(std::move(sequence));
    changed_.notify_one();
    return {};
}

std::vector<std::unique_ptr<Sequence>> SequenceQueue::take_arrivals() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(arrivals_, {});
}

void SequenceQueue::left(std::size_t count) {
    const std::scoped_lock lock(mutex_);
    waiting_ -= count;
}

void SequenceQueue::came_back(std::size_t count) {
    const std::scoped_lock lock(mutex_);
    waiting_ += count;
}

void SequenceQueue::wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || woken_ || !arrivals_.empty(); });
    woken_ = false;
}

void SequenceQueue::wake() {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
    changed_.notify_one();
}

std::vector<std::unique_ptr<Sequence>> SequenceQueue::close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
    waiting_ -= arrivals_.size();
    return std::exchange(arrivals_, {});
}

std::size_t SequenceQueue::size() const {
    const std::scoped_lock lock(mutex_);
    return waiting_;
}

bool SequenceQueue::closed() const {
    const std::scoped_lock lock(mutex_);
    return closed_;
}

}  // namespace capstan::engine
