#include "platform/process/supervisor.h"

#include <algorithm>
#include <condition_variable>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"

namespace capstan::process {

std::string_view name_of(ServiceState state) {
    switch (state) {
        case ServiceState::kStarting:
            return "starting";
        case ServiceState::kHealthy:
            return "healthy";
        case ServiceState::kUnhealthy:
            return "unhealthy";
        case ServiceState::kBackingOff:
            return "backing_off";
        case ServiceState::kStopped:
            return "stopped";
        case ServiceState::kFailed:
            return "failed";
    }
    return "failed";
}

// One service and the thread that looks after it.
class Supervisor::Service {
public:
    Service(ProcessHost& host, ServiceSpec spec, OnChange on_change)
        : host_(host), spec_(std::move(spec)), on_change_(std::move(on_change)) {
        status_.name = spec_.name;
        status_.since_ms = system_now_ms();
        thread_ = std::thread([this] { run(); });
    }

    ~Service() { stop(); }

    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    const std::string& name() const { return spec_.name; }

    ServiceStatus status() const {
        const std::scoped_lock lock(mutex_);
        return status_;
    }

    void restart() { ask(Wish::kRestart); }

    // Returns when the process has ended. May be called by several threads.
    void stop() {
        ask(Wish::kStop);
        const std::scoped_lock lock(join_mutex_);
        if (thread_.joinable()) {
            thread_.join();
        }
    }

private:
    enum class Wish { kRun, kRestart, kStop };

    // Shared with what the host calls at the end of a process, which may be after our own end.
    struct Mail {
        std::mutex mutex;
        std::condition_variable changed;
        Wish wish = Wish::kRun;  // Guarded by mutex.
    };

    void ask(Wish wish) {
        {
            const std::scoped_lock lock(mail_->mutex);
            mail_->wish = std::max(mail_->wish, wish);  // A stop is never taken back.
        }
        mail_->changed.notify_all();
    }

    // Waits until somebody wishes something or `process` has ended, at most so long. A restart is taken by
    // this.
    Wish wait(std::int64_t ms_max, const Process* process = nullptr) {
        std::unique_lock lock(mail_->mutex);
        mail_->changed.wait_for(lock, std::chrono::milliseconds(ms_max), [&] {
            return mail_->wish != Wish::kRun || (process != nullptr && process->exit());
        });
        return mail_->wish == Wish::kRestart ? std::exchange(mail_->wish, Wish::kRun) : mail_->wish;
    }

    void enter(ServiceState state, int pid, std::string reason = "") {
        ServiceStatus copy;
        {
            const std::scoped_lock lock(mutex_);
            if (status_.state != state) {
                status_.since_ms = system_now_ms();
            }
            status_.state = state;
            status_.pid = pid;
            status_.failures = failures_;
            if (!reason.empty()) {
                status_.reason = std::move(reason);
            }
            copy = status_;
        }
        if (on_change_) {
            on_change_(copy);
        }
    }

    void run() {
        while (true) {
            std::string reason;
            Wish wish = live_once(reason);
            if (wish == Wish::kRun) {  // It failed by itself.
                wish = after_failure(std::move(reason));
            }
            if (wish == Wish::kStop) {
                enter(ServiceState::kStopped, 0);
                return;
            }
            const std::scoped_lock lock(mutex_);
            status_.restarts += 1;
        }
    }

    // From the start of a process to its end. kRun when it was a failure, for `reason`; else what was wished.
    Wish live_once(std::string& reason) {
        enter(ServiceState::kStarting, 0);
        auto spec = spec_.process();
        const auto on_exit = [mail = mail_](const ProcessExit&) {
            const std::scoped_lock lock(mail->mutex);
            mail->changed.notify_all();
        };
        auto process = spec ? host_.launch(*std::move(spec), on_exit) : Result<Process>(spec.error());
        if (!process) {
            reason = process.error().message;
            return wait(0);
        }
        const Wish wish = watch(*process, reason);
        if (!process->exit()) {
            process->terminate(spec_.terminate_grace_ms);
            while (!process->wait(60'000)) {
            }
        }
        return wish;
    }

    // Until the process has ended, must be ended, or something is wished.
    Wish watch(const Process& process, std::string& reason) {
        const std::int64_t started_ms = monotonic_now_ms();
        std::int64_t healthy_since_ms = 0;  // 0: not yet.
        int bad_answers = 0;
        enter(ServiceState::kStarting, process.pid());
        while (true) {
            const Result<void> health = spec_.health ? spec_.health() : Result<void>{};
            const std::int64_t now_ms = monotonic_now_ms();
            if (const auto exit = process.exit()) {
                reason = "ended with " + describe(*exit);
                return Wish::kRun;
            }
            bad_answers = health ? 0 : bad_answers + 1;
            const bool was_healthy = healthy_since_ms > 0;
            if (health && (!was_healthy || status().state == ServiceState::kUnhealthy)) {
                healthy_since_ms = now_ms;
                enter(ServiceState::kHealthy, process.pid());
            } else if (!health && was_healthy) {
                enter(ServiceState::kUnhealthy, process.pid(), health.error().message);
            }
            if (!health && (was_healthy ? bad_answers >= spec_.unhealthy_max
                                        : now_ms - started_ms >= spec_.start_ms_max)) {
                reason = (was_healthy ? "stopped answering: " : "did not start in time: ") +
                         health.error().message;
                return Wish::kRun;
            }
            if (health && failures_ > 0 && now_ms - healthy_since_ms >= spec_.restart.stable_ms) {
                failures_ = 0;
                enter(ServiceState::kHealthy, process.pid());
            }
            if (const Wish wish = wait(spec_.health_interval_ms, &process); wish != Wish::kRun) {
                return wish;
            }
        }
    }

    // Waits before the next start, or for a person's restart when there were too many failures.
    Wish after_failure(std::string reason) {
        failures_ += 1;
        log_warning(
            "a service failed", {{"service", spec_.name}, {"reason", reason}, {"failures", failures_}}
        );
        if (failures_ >= spec_.restart.failures_max) {
            enter(ServiceState::kFailed, 0, std::move(reason));
            Wish wish = Wish::kRun;
            while ((wish = wait(60'000)) == Wish::kRun) {
            }
            failures_ = 0;
            return wish;
        }
        enter(ServiceState::kBackingOff, 0, std::move(reason));
        const Wish wish = wait(backoff_ms());
        return wish == Wish::kRun ? Wish::kRestart : wish;
    }

    std::int64_t backoff_ms() const {
        std::int64_t ms = spec_.restart.backoff_ms;
        for (int i = 1; i < failures_ && ms < spec_.restart.backoff_ms_max; ++i) {
            ms *= 2;
        }
        return std::min(ms, spec_.restart.backoff_ms_max);
    }

    ProcessHost& host_;
    const ServiceSpec spec_;
    const OnChange on_change_;
    int failures_ = 0;  // In a row; the service's thread only.

    const std::shared_ptr<Mail> mail_ = std::make_shared<Mail>();
    mutable std::mutex mutex_;
    ServiceStatus status_;  // Guarded by mutex_.
    std::mutex join_mutex_;
    std::thread thread_;  // Joined under join_mutex_.
};

Supervisor::Supervisor(ProcessHost& host, OnChange on_change)
    : host_(host), on_change_(std::move(on_change)) {}

Supervisor::~Supervisor() {
    stop();
}

std::shared_ptr<Supervisor::Service> Supervisor::find(const std::string& name) const {
    const std::scoped_lock lock(mutex_);
    for (const auto& service : services_) {
        if (service->name() == name) {
            return service;
        }
    }
    return nullptr;
}

Result<void> Supervisor::add(ServiceSpec spec) {
    if (!spec.process) {
        return Error{ErrorCode::kInvalid, fmt::format("the service '{}' has no process", spec.name)};
    }
    const std::scoped_lock lock(mutex_);
    if (is_stopped_) {
        return Error{ErrorCode::kCancelled, "the server is stopping"};
    }
    for (const auto& service : services_) {
        if (service->name() == spec.name) {
            return Error{ErrorCode::kConflict, fmt::format("there is a service '{}' already", spec.name)};
        }
    }
    services_.push_back(std::make_shared<Service>(host_, std::move(spec), on_change_));
    return {};
}

Result<void> Supervisor::remove(const std::string& name) {
    const auto service = find(name);
    if (service == nullptr) {
        return Error{ErrorCode::kNotFound, fmt::format("there is no service '{}'", name)};
    }
    service->stop();
    const std::scoped_lock lock(mutex_);
    std::erase(services_, service);
    return {};
}

Result<void> Supervisor::restart(const std::string& name) {
    const auto service = find(name);
    if (service == nullptr) {
        return Error{ErrorCode::kNotFound, fmt::format("there is no service '{}'", name)};
    }
    service->restart();
    return {};
}

void Supervisor::stop() {
    std::vector<std::shared_ptr<Service>> services;
    {
        const std::scoped_lock lock(mutex_);
        is_stopped_ = true;
        services = services_;
    }
    for (auto service = services.rbegin(); service != services.rend(); ++service) {
        (*service)->stop();
    }
}

Result<ServiceStatus> Supervisor::status(const std::string& name) const {
    const auto service = find(name);
    if (service == nullptr) {
        return Error{ErrorCode::kNotFound, fmt::format("there is no service '{}'", name)};
    }
    return service->status();
}

std::vector<ServiceStatus> Supervisor::list() const {
    const std::scoped_lock lock(mutex_);
    std::vector<ServiceStatus> all;
    for (const auto& service : services_) {
        all.push_back(service->status());
    }
    return all;
}

}  // namespace capstan::process
