#pragma once

// Runs jobs as child processes of this program. They die with it (platform/process).

#include <map>
#include <memory>
#include <mutex>

#include "platform/jobs/job_executor.h"
#include "platform/process/process_host.h"

namespace capstan::jobs {

struct LocalExecutorOptions {
    std::uint64_t output_bytes_max = std::uint64_t{16} << 20;  // Of each stream of one attempt.
    int nice = 5;                                              // Jobs give way to the server.
};

class LocalExecutor : public JobExecutor {
public:
    // `host` outlives this.
    explicit LocalExecutor(process::ProcessHost& host, LocalExecutorOptions options = {});

    std::string_view name() const override { return "local"; }

    Result<std::string> submit(const Attempt& attempt) override;  // The handle is "pid:start time".
    Result<AttemptStatus> poll(const std::string& handle) override;
    Result<void> cancel(const std::string& handle, std::int64_t grace_ms) override;
    void forget(const std::string& handle) override;
    void on_change(std::function<void()> wake) override;

private:
    // Shared with the host's thread, which may call at the end of a process when this object has gone.
    struct Wake {
        std::mutex mutex;
        std::function<void()> call;  // Guarded by mutex.
    };

    std::optional<process::Process> find(const std::string& handle) const;

    process::ProcessHost& host_;
    const LocalExecutorOptions options_;
    const std::shared_ptr<Wake> wake_ = std::make_shared<Wake>();
    mutable std::mutex mutex_;
    std::map<std::string, process::Process> processes_;  // By handle; guarded by mutex_.
};

}  // namespace capstan::jobs
