#include "trainer/worker_team.h"

#include <algorithm>

namespace capstan::trainer {

WorkerTeam::WorkerTeam(std::size_t workers) {
    for (std::size_t worker = 1; worker < workers; ++worker) {
        threads_.emplace_back([this, worker] { serve(worker); });
    }
}

WorkerTeam::~WorkerTeam() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
}

void WorkerTeam::run(const Work& work) {
    {
        const std::scoped_lock lock(mutex_);
        work_ = &work;
        busy_ = threads_.size();
        ++round_;
    }
    changed_.notify_all();
    work(0);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return busy_ == 0; });
}

void WorkerTeam::serve(std::size_t worker) {
    std::uint64_t seen = 0;
    while (true) {
        const Work* work = nullptr;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return stopping_ || round_ != seen; });
            if (stopping_) {
                return;
            }
            seen = round_;
            work = work_;
        }
        (*work)(worker);
        const std::scoped_lock lock(mutex_);
        if (--busy_ == 0) {
            changed_.notify_all();
        }
    }
}

Share share_of(std::size_t count, std::size_t worker, std::size_t workers, std::size_t grain) {
    const std::size_t grains = (count + grain - 1) / grain;
    const std::size_t begin = std::min(count, grains * worker / workers * grain);
    const std::size_t end = std::min(count, grains * (worker + 1) / workers * grain);
    return {begin, end - begin};
}

}  // namespace capstan::trainer
