#pragma once

// A few threads that share one loop at a time.
//
// A forward pass is hundreds of loops within milliseconds, and waking a sleeping thread costs as much as a
// short loop: so a thread that has nothing to do looks for the next loop for a moment, and then sleeps. An
// idle engine takes no core, and a busy neighbour is not fought with.
//
// A team as large as the machine is pinned, a thread a core: left alone, the system puts a woken thread
// beside the one that woke it, and moves it only at its next tick.

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace capstan::engine {

class ThreadTeam {
public:
    explicit ThreadTeam(int threads);  // The caller of `run` is one of them.
    ~ThreadTeam();
    ThreadTeam(const ThreadTeam&) = delete;
    ThreadTeam& operator=(const ThreadTeam&) = delete;

    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    // Calls part(thread, begin, end) with ranges that cover [0, count) once, each beginning at a multiple of
    // `grain`, and returns when all are done. A thread takes ranges as it gets through them, and nobody waits
    // for one that has taken none: a thread whose core is taken away holds up what it has begun, no more.
    // From one thread at a time.
    template <typename Part>
    void run(std::int64_t count, std::int64_t grain, const Part& part) {
        run_erased(
            {.call = [](const void* p, int thread, std::int64_t begin, std::int64_t end
                     ) { (*static_cast<const Part*>(p))(thread, begin, end); },
             .part = &part,
             .count = count,
             .grain = grain}
        );
    }

private:
    struct Loop {
        void (*call)(const void* part, int thread, std::int64_t begin, std::int64_t end) = nullptr;
        const void* part = nullptr;
        std::int64_t count = 0;
        std::int64_t grain = 1;
    };

    void run_erased(const Loop& loop);
    void run_ranges(int thread);
    void work(int thread);
    bool enter();
    void leave();
    void close_and_wait();

    Loop loop_;               // Written while nobody is inside, read by those who are; the next two as well.
    std::int64_t range_ = 1;  // How much a thread takes at a time: whole grains.
    std::atomic<std::int64_t> next_ = 0;
    alignas(64) std::atomic<std::uint32_t> round_ = 0;  // Counts loops; workers wait for the next.
    alignas(64) std::atomic<std::uint32_t> gate_ = 0;   // How many workers are inside the loop, and kOpen.
    std::atomic<bool> stopping_ = false;
    std::vector<std::thread> workers_;
};

}  // namespace capstan::engine
