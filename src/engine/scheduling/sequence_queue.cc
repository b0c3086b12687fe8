#include "engine/scheduling/sequence_queue.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace capstan::engine {

Result<void> SequenceQueue::push(std::unique_ptr<Sequence> sequence) {
    const std::scoped_lock lock(mutex_);
    if (closed_) {
        return Error{ErrorCode::kUnavailable, "the engine is shutting down"};
    }
    if (waiting_.size() >= waiting_max_) {
        return Error{
            ErrorCode::kExhausted, fmt::format("{} requests wait already; try again later", waiting_.size())
        };
    }
    waiting_.push_back(std::move(sequence));
    changed_.notify_one();
    return {};
}

std::unique_ptr<Sequence> SequenceQueue::pop_if(const std::function<bool(Sequence&)>& may_start) {
    const std::scoped_lock lock(mutex_);
    if (waiting_.empty() || !may_start(*waiting_.front())) {
        return nullptr;
    }
    auto first = std::move(waiting_.front());
    waiting_.pop_front();
    return first;
}

std::vector<std::unique_ptr<Sequence>> SequenceQueue::take_cancelled() {
    const std::scoped_lock lock(mutex_);
    std::vector<std::unique_ptr<Sequence>> cancelled;
    std::erase_if(waiting_, [&](std::unique_ptr<Sequence>& sequence) {
        if (!sequence->channel->cancelled()) {
            return false;
        }
        cancelled.push_back(std::move(sequence));
        return true;
    });
    return cancelled;
}

void SequenceQueue::wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
}

std::vector<std::unique_ptr<Sequence>> SequenceQueue::close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
    std::vector<std::unique_ptr<Sequence>> left(
        std::move_iterator(waiting_.begin()), std::move_iterator(waiting_.end())
    );
    waiting_.clear();
    return left;
}

std::size_t SequenceQueue::size() const {
    const std::scoped_lock lock(mutex_);
    return waiting_.size();
}

bool SequenceQueue::closed() const {
    const std::scoped_lock lock(mutex_);
    return closed_;
}

}  // namespace capstan::engine
