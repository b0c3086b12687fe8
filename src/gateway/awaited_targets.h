#pragma once

// Targets that callers wait for and of which no replica answers: said by the gateway, heard by whoever starts
// replicas.

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace capstan::gateway {

// Thread-safe.
class AwaitedTargets {
public:
    // Called by the thread that adds, once for each target until it is taken. Set before the first call.
    void on_add(std::function<void()> callback) { on_add_ = std::move(callback); }

    void add(const std::string& target_id) {
        {
            const std::scoped_lock lock(mutex_);
            if (!ids_.insert(target_id).second) {
                return;
            }
        }
        if (on_add_) {
            on_add_();
        }
    }

    std::set<std::string> take() {
        const std::scoped_lock lock(mutex_);
        return std::exchange(ids_, {});
    }

private:
    std::mutex mutex_;
    std::set<std::string> ids_;  // Guarded by mutex_.
    std::function<void()> on_add_;
};

}  // namespace capstan::gateway
