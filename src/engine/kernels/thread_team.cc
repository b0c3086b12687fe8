#include "engine/kernels/thread_team.h"

#include <algorithm>

#include <sched.h>

#include "base/clock.h"

namespace capstan::engine {
namespace {

// How long a thread looks for what comes next before it sleeps: longer than what one thread does alone
// between two loops of a forward pass, far shorter than what goes by between two passes.
constexpr std::int64_t kLookUs = 100;
constexpr int kLooksBetweenClocks = 16;
constexpr std::int64_t kRangesPerThread = 4;
constexpr std::uint32_t kOpen = 1U << 31U;  // Of the gate: there may still be ranges to take.

void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Until `value` is no longer `old`.
template <typename T>
void wait_while(const std::atomic<T>& value, T old) {
    const std::int64_t until_us = monotonic_now_us() + kLookUs;
    do {
        for (int i = 0; i < kLooksBetweenClocks; ++i) {
            if (value.load(std::memory_order_acquire) != old) {
                return;
            }
            relax();
        }
    } while (monotonic_now_us() < until_us);
    value.wait(old, std::memory_order_acquire);
}

// The cores that this process may use, when the team needs all of them; else none, and the system chooses.
std::vector<int> cores_for(int threads) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) != threads) {
        return {};
    }
    std::vector<int> cores;
    for (int core = 0; core < CPU_SETSIZE; ++core) {
        if (CPU_ISSET(core, &allowed)) {
            cores.push_back(core);
        }
    }
    return cores;
}

// Best effort: a thread that cannot be pinned is only slower.
void pin(std::thread& thread, int core) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(core, &only);
    pthread_setaffinity_np(thread.native_handle(), sizeof only, &only);
}

}  // namespace

// The caller's own thread is left where it is: the workers stand on the other cores.
ThreadTeam::ThreadTeam(int threads) {
    const std::vector<int> cores = threads > 1 ? cores_for(threads) : std::vector<int>{};
    for (int thread = 1; thread < threads; ++thread) {
        workers_.emplace_back([this, thread] { work(thread); });
        if (!cores.empty()) {
            pin(workers_.back(), cores[static_cast<std::size_t>(thread)]);
        }
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
    const std::int64_t grains = (loop.count + loop.grain - 1) / loop.grain;
    range_ = std::max<std::int64_t>(1, grains / (threads() * kRangesPerThread)) * loop.grain;
    next_.store(0, std::memory_order_relaxed);
    gate_.store(kOpen, std::memory_order_release);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    run_ranges(0);
    close_and_wait();
}

// A worker may come too late for the loop that woke it and enter the next: any open loop is the right one.
bool ThreadTeam::enter() {
    std::uint32_t gate = gate_.load(std::memory_order_relaxed);
    while ((gate & kOpen) != 0) {
        if (gate_.compare_exchange_weak(
                gate, gate + 1, std::memory_order_acquire, std::memory_order_relaxed
            )) {
            return true;
        }
    }
    return false;
}

void ThreadTeam::leave() {
    if (gate_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        gate_.notify_one();  // The caller, which has closed the gate and waits.
    }
}

void ThreadTeam::close_and_wait() {
    std::uint32_t inside = gate_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
    while (inside != 0) {
        wait_while(gate_, inside);
        inside = gate_.load(std::memory_order_acquire);
    }
}

void ThreadTeam::run_ranges(int thread) {
    while (true) {
        const std::int64_t begin = next_.fetch_add(range_, std::memory_order_relaxed);
        if (begin >= loop_.count) {
            return;
        }
        loop_.call(loop_.part, thread, begin, std::min(begin + range_, loop_.count));
    }
}

void ThreadTeam::work(int thread) {
    for (std::uint32_t seen = 0;;) {
        wait_while(round_, seen);
        seen = round_.load(std::memory_order_acquire);
        if (stopping_) {
            return;
        }
        if (enter()) {
            run_ranges(thread);
            leave();
        }
    }
}

}  // namespace capstan::engine
