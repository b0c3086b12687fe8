#include "engine/kernels/thread_team.h"

#include <algorithm>

namespace capstan::engine {

ThreadTeam::ThreadTeam(int threads) {
    for (int thread = 1; thread < threads; ++thread) {
        workers_.emplace_back([this, thread] { work(thread); });
    }
}

ThreadTeam::~ThreadTeam() {
    stopping_ = true;
    ++round_;
    round_.notify_all();
    for (std::thread& worker : workers_) {
        worker.join();
    }
}

void ThreadTeam::run_erased(const Loop& loop) {
    if (workers_.empty() || loop.count <= loop.grain) {
        loop.call(loop.part, 0, 0, loop.count);
        return;
    }
    loop_ = loop;
    unfinished_ = static_cast<int>(workers_.size());
    ++round_;
    round_.notify_all();
    run_share(0);
    for (int left = unfinished_; left > 0; left = unfinished_) {
        unfinished_.wait(left);
    }
}

void ThreadTeam::run_share(int thread) const {
    const std::int64_t grains = (loop_.count + loop_.grain - 1) / loop_.grain;
    const std::int64_t begin = grains * thread / threads() * loop_.grain;
    const std::int64_t end = std::min(grains * (thread + 1) / threads() * loop_.grain, loop_.count);
    if (begin < end) {
        loop_.call(loop_.part, thread, begin, end);
    }
}

void ThreadTeam::work(int thread) {
    for (std::uint32_t seen = 0;;) {
        round_.wait(seen);
        ++seen;
        if (stopping_) {
            return;
        }
        run_share(thread);
        if (--unfinished_ == 0) {
            unfinished_.notify_one();
        }
    }
}

}  // namespace capstan::engine
