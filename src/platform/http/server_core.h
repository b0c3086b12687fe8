#pragma once

// What the connections of one server share: the options, the workers, the metrics, and the list of them.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "platform/http/server.h"
#include "platform/http/worker_pool.h"

namespace capstan::http {

class Session;

// The server's own counters; without a registry, none.
class ServerMetrics {
public:
    explicit ServerMetrics(MetricRegistry* registry);

    // One answered request. `pattern` is the route's, so that ids in paths do not become series.
    void answered(const Request& request, int status, double seconds);
    void connections(int change);
    void in_flight(int change);
    void refused();  // No worker was free.

private:
    MetricRegistry* registry_;
    Gauge* connections_ = nullptr;
    Gauge* in_flight_ = nullptr;
    Counter* refused_ = nullptr;
};

class ServerCore {
public:
    ServerCore(ServerOptions options, const Router& router, IoThreads& io);

    const ServerOptions options;
    const Router& router;
    const Router& built_in;  // /healthz, /readyz, /metrics
    IoThreads& io;
    WorkerPool workers;
    WorkerPool event_workers;
    ServerMetrics metrics;
    std::atomic<bool> is_draining = false;

    void add(Session* session, std::weak_ptr<Session> reference);
    void remove(Session* session);
    std::size_t count() const;
    // Calls `visit` for each session that still lives. Any thread.
    void for_each(const std::function<void(const std::shared_ptr<Session>&)>& visit) const;
    // Waits until there is no session, for up to `wait_ms` (-1: without end). Whether there is none.
    bool wait_until_empty(std::int64_t wait_ms);

private:
    Router own_;
    mutable std::mutex mutex_;  // Guards sessions_.
    std::condition_variable changed_;
    std::unordered_map<Session*, std::weak_ptr<Session>> sessions_;
};

}  // namespace capstan::http
