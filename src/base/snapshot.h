#pragma once

// A value that many threads read while another replaces it whole. std::atomic<std::shared_ptr> would say the
// same, but in libstdc++ 12 its load races with a store.

#include <memory>
#include <mutex>
#include <utility>

#include "base/result.h"

namespace capstan {

// Thread-safe. A reader keeps the value that it began with; the lock it takes is held only to copy a pointer.
template <typename T>
class Snapshot {
public:
    std::shared_ptr<const T> load() const {
        const std::scoped_lock lock(pointer_mutex_);
        return value_;
    }

    void store(T value) {
        std::shared_ptr<const T> replaced = std::make_shared<const T>(std::move(value));
        const std::scoped_lock lock(pointer_mutex_);
        value_.swap(replaced);  // The old value goes after the lock does.
    }

    // Stores what `read` (returning Result<T>) finds; on its error, keeps the old value. One reload at a
    // time, reading included: otherwise one that read earlier could undo one that read later.
    template <typename Read>
    Result<void> reload(Read&& read) {
        const std::scoped_lock lock(reload_mutex_);
        Result<T> fresh = std::forward<Read>(read)();
        if (!fresh) {
            return fresh.error();
        }
        store(std::move(*fresh));
        return {};
    }

private:
    std::mutex reload_mutex_;
    mutable std::mutex pointer_mutex_;  // Guards value_.
    std::shared_ptr<const T> value_ = std::make_shared<const T>();
};

}  // namespace capstan
