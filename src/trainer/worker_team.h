#pragma once

// A fixed number of threads that do the same thing on different parts, and wait for each other.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace capstan::trainer {

class WorkerTeam {
public:
    using Work = std::function<void(std::size_t worker)>;

    // The caller of `run` is worker 0; the others are threads of ours.
    explicit WorkerTeam(std::size_t workers);
    ~WorkerTeam();
    WorkerTeam(const WorkerTeam&) = delete;
    WorkerTeam& operator=(const WorkerTeam&) = delete;

    std::size_t size() const { return threads_.size() + 1; }

    // Calls work(0) … work(size - 1), each in its own thread, always the same; returns when all are done.
    // `work` must not throw. One call at a time.
    void run(const Work& work);

private:
    std::mutex mutex_;  // Guards what is below.
    std::condition_variable changed_;
    const Work* work_ = nullptr;
    std::uint64_t round_ = 0;
    std::size_t busy_ = 0;
    bool stopping_ = false;
    std::vector<std::jthread> threads_;  // Last: joined before the rest goes.

    void serve(std::size_t worker);
};

struct Share {
    std::size_t begin = 0;
    std::size_t size = 0;
};

// The part of 0 … count that `worker` of `workers` takes, cut at multiples of `grain`.
Share share_of(std::size_t count, std::size_t worker, std::size_t workers, std::size_t grain = 1);

}  // namespace capstan::trainer
