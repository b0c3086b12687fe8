#pragma once

// Sees one attempt of one job through: from the lease to the recorded end.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "platform/jobs/job_executor.h"
#include "platform/jobs/job_folder.h"
#include "platform/jobs/job_service.h"

namespace capstan::jobs {

struct AttemptRules {
    std::int64_t look_ms = 500;  // Between looks at the process, its progress and the database that was away.
    std::int64_t terminate_grace_ms = 10'000;
};

class AttemptWorker {
public:
    struct Inputs {
        JobService& jobs;  // These three outlive the worker.
        JobExecutor& executor;
        const JobFolders& folders;
        AttemptRules rules;
    };

    AttemptWorker(Inputs inputs, Job taken) : inputs_(inputs), job_(std::move(taken)) {}

    // The whole attempt; returns when it is over. Once.
    void run();

    // From other threads: what should happen to the attempt. Each returns at once.
    void cancel() { ask(is_cancelled_); }  // Its process is to stop.

    void stop() { ask(is_stopping_); }  // The same, and the job goes back to the queue: the server ends.

    void lose() { ask(is_lost_); }  // The job is another's: its process ends now, nothing is recorded.

    void wake();  // Look now.

    const Job& job() const { return job_; }  // As it was taken.

    bool is_done() const { return is_done_; }

private:
    void ask(std::atomic<bool>& flag);
    void pause();
    void attempt();
    Result<std::string> launch();
    bool record_start(const std::string& handle);
    AttemptStatus follow(const std::string& handle);
    void report(std::uint64_t& offset);
    void end(const AttemptEnd& end);
    void give_back();

    const Inputs inputs_;
    const Job job_;
    std::atomic<bool> is_cancelled_ = false;
    std::atomic<bool> is_stopping_ = false;
    std::atomic<bool> is_lost_ = false;
    std::atomic<bool> is_done_ = false;

    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_woken_ = false;  // Guarded by mutex_.
};

}  // namespace capstan::jobs
