#pragma once

// Keeps services alive: starts each, asks whether it is healthy, starts it again when it ends or does not
// answer, waits longer each time, and gives up after a number of failures in a row.
//
//     starting ──▶ healthy ◀──▶ unhealthy
//        │  ▲          │            │
//        ▼  │          ▼            ▼
//      backing_off ◀── (it ended, or is ended for not answering) ──▶ failed
//
// `stopped` follows `remove` and `stop`, from any state.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "platform/process/process_host.h"

namespace capstan::process {

struct RestartRules {
    std::int64_t backoff_ms = 500;  // Before the first restart; doubles with each failure in a row.
    std::int64_t backoff_ms_max = 30'000;
    int failures_max = 8;             // In a row; then `failed`.
    std::int64_t stable_ms = 60'000;  // Healthy for so long: earlier failures are forgotten.
};

struct ServiceSpec {
    std::string name;

    // Called before each start, on the service's thread, so that it may choose a new port.
    std::function<Result<ProcessSpec>()> process = {};

    // Whether the service answers. Called on the service's thread, may block a little. Empty: it is healthy
    // as soon as it runs.
    std::function<Result<void>()> health = {};
    std::int64_t health_interval_ms = 1'000;
    int unhealthy_max = 5;               // Bad answers in a row from a healthy service; then it is ended.
    std::int64_t start_ms_max = 60'000;  // From its start to its first good answer.
    std::int64_t terminate_grace_ms = 10'000;
    RestartRules restart = {};
};

enum class ServiceState { kStarting, kHealthy, kUnhealthy, kBackingOff, kStopped, kFailed };

std::string_view name_of(ServiceState state);  // "starting", "healthy", … "backing_off".

struct ServiceStatus {
    std::string name;
    ServiceState state = ServiceState::kStarting;
    int pid = 0;                // 0: no process now.
    int failures = 0;           // In a row.
    std::int64_t restarts = 0;  // In all.
    std::int64_t since_ms = 0;  // When it came into this state; Unix time.
    std::string reason;         // Of the last failure, for a person.
};

class Supervisor {
public:
    // Called on a service's thread whenever its state has changed, one call at a time for one service. It
    // must not call back into the supervisor, except for `status` and `list`.
    using OnChange = std::function<void(const ServiceStatus&)>;

    // `host` must outlive this.
    explicit Supervisor(ProcessHost& host, OnChange on_change = nullptr);

    ~Supervisor();  // As stop().
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    // Starts a service and keeps it alive. kConflict when there is one of that name.
    Result<void> add(ServiceSpec spec);
    // Terminates the service, waits for its end and forgets it. kNotFound.
    Result<void> remove(const std::string& name);
    // Ends the process and starts it again at once, also after `failed`. kNotFound.
    Result<void> restart(const std::string& name);
    // Terminates all services, the last added first, each one's end before the next; then none can be added.
    void stop();

    Result<ServiceStatus> status(const std::string& name) const;
    std::vector<ServiceStatus> list() const;  // In the order of addition.

private:
    class Service;

    std::shared_ptr<Service> find(const std::string& name) const;

    ProcessHost& host_;
    const OnChange on_change_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<Service>>
        services_;  // Guarded by mutex_, as the next. Shared with calls under way.
    bool is_stopped_ = false;
};

}  // namespace capstan::process
