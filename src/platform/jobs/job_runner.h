#pragma once

// The worker: takes jobs that are due, runs them through an executor, keeps their leases, and cleans up
// behind the dead.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "platform/jobs/attempt_worker.h"
#include "platform/jobs/job_executor.h"
#include "platform/jobs/job_folder.h"
#include "platform/jobs/job_service.h"

namespace capstan::jobs {

struct JobRunnerOptions {
    // Names this worker, the same after a restart, and no other that lives: jobs that it held are dead when
    // it starts.
    std::string owner;
    std::filesystem::path
        folder;  // Of the jobs' folders; on a shared disk when the executor runs them elsewhere.
    std::size_t parallel_max = 2;
    std::int64_t lease_ms = 30'000;
    std::int64_t renew_ms = 5'000;
    std::int64_t keep_ms = std::int64_t{7} * 86'400'000;  // The folder of a job that ended.
    std::int64_t sweep_ms = 3'600'000;                    // Between looks for folders to remove.
    AttemptRules attempt = {};
};

class JobRunner {
public:
    // Starts taking jobs. `jobs` and `executor` outlive the runner.
    static Result<std::unique_ptr<JobRunner>> start(
        JobService& jobs, JobExecutor& executor, JobRunnerOptions options
    );

    // As stop().
    ~JobRunner();
    JobRunner(const JobRunner&) = delete;
    JobRunner& operator=(const JobRunner&) = delete;

    // Takes no more jobs, asks the running ones to stop, gives them back to the queue (that attempt does not
    // count), and returns when their processes are gone.
    void stop();

    std::size_t running() const;

    const JobFolders& folders() const { return folders_; }

private:
    struct Running {
        std::unique_ptr<AttemptWorker> worker;
        std::thread thread;
    };

    JobRunner(JobService& jobs, JobExecutor& executor, JobRunnerOptions options);

    void run();
    void recover();
    void settle(const std::vector<Job>& jobs);
    void take_jobs();
    bool has_predecessor(const AttemptWorker& worker) const;
    void join_done();
    void keep_leases(std::int64_t now_ms);
    void pass_on_cancels();
    void remove_old_folders();
    void wake_workers();
    std::vector<Job> held() const;

    JobService& jobs_;
    JobExecutor& executor_;
    const JobRunnerOptions options_;
    const JobFolders folders_;
    std::atomic<bool> is_stopping_ = false;
    std::int64_t renewed_ms_ = 0;  // Of the service's clock; the loop only, as the next two.
    std::int64_t expired_ms_ = 0;
    std::int64_t swept_ms_ = 0;

    mutable std::mutex mutex_;
    std::vector<Running> running_;  // Guarded by mutex_; only the loop adds and removes.
    std::mutex stop_mutex_;
    std::thread thread_;  // Joined under stop_mutex_.
};

}  // namespace capstan::jobs
