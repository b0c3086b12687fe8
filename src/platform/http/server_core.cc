#include "platform/http/server_core.h"

#include <chrono>
#include <vector>

#include <fmt/format.h>

#include "platform/http/json_reply.h"

namespace capstan::http {
namespace {

// Of methods that a client made up there could be any number.
std::string known_method(const std::string& method) {
    for (const std::string_view known : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
        if (method == known) {
            return method;
        }
    }
    return "other";
}

}  // namespace

ServerMetrics::ServerMetrics(MetricRegistry* registry) : registry_(registry) {
    if (registry) {
        connections_ = &registry->gauge("capstan_http_connections", "Open connections.");
        in_flight_ = &registry->gauge("capstan_http_requests_in_flight", "Requests being answered.");
        refused_ =
            &registry->counter("capstan_http_refused_total", "Requests refused because no worker was free.");
    }
}

void ServerMetrics::answered(const Request& request, int status, double seconds) {
    if (!registry_) {
        return;
    }
    const std::string route = request.pattern.empty() ? "none" : request.pattern;
    const std::string method = known_method(request.method);
    registry_
        ->counter(
            "capstan_http_requests_total",
            "Requests answered.",
            {{"method", method}, {"route", route}, {"status", std::to_string(status)}}
        )
        .add();
    registry_
        ->histogram(
            "capstan_http_request_seconds",
            "Time from a request's head to the last byte of its answer.",
            {{"method", method}, {"route", route}}
        )
        .observe(seconds);
}

void ServerMetrics::connections(int change) {
    if (connections_) {
        connections_->add(change);
    }
}

void ServerMetrics::in_flight(int change) {
    if (in_flight_) {
        in_flight_->add(change);
    }
}

void ServerMetrics::refused() {
    if (refused_) {
        refused_->add();
    }
}

ServerCore::ServerCore(ServerOptions given, const Router& routes, IoThreads& threads)
    : options(std::move(given)),
      router(routes),
      built_in(own_),
      io(threads),
      workers(options.workers, options.queue_max),
      event_workers(options.event_streams_max, 0),
      metrics(options.metrics) {
    own_.get("/healthz", kPublic, [](const Request&) { return reply(Json::object({{"status", "ok"}})); });
    own_.get("/readyz", kPublic, [this](const Request&) {
        if (is_draining) {
            return reply(Error{ErrorCode::kUnavailable, "the server is shutting down"});
        }
        const Result<void> ready = options.ready ? options.ready() : Result<void>();
        return ready ? reply(Json::object({{"status", "ready"}})) : reply(ready.error());
    });
    if (options.metrics) {
        own_.get("/metrics", kPublic, [this](const Request&) {
            return Response{
                .content_type = "text/plain; version=0.0.4; charset=utf-8",
                .body = options.metrics->exposition()
            };
        });
    }
}

void ServerCore::add(Session* session, std::weak_ptr<Session> reference) {
    metrics.connections(1);
    const std::scoped_lock lock(mutex_);
    sessions_.emplace(session, std::move(reference));
}

void ServerCore::remove(Session* session) {
    metrics.connections(-1);
    const std::scoped_lock lock(mutex_);
    sessions_.erase(session);
    changed_.notify_all();  // Under the lock: the waiter may destroy us as soon as it has it.
}

std::size_t ServerCore::count() const {
    const std::scoped_lock lock(mutex_);
    return sessions_.size();
}

void ServerCore::for_each(const std::function<void(const std::shared_ptr<Session>&)>& visit) const {
    std::vector<std::shared_ptr<Session>> living;
    {
        const std::scoped_lock lock(mutex_);
        for (const auto& [session, reference] : sessions_) {
            if (auto one = reference.lock()) {
                living.push_back(std::move(one));
            }
        }
    }
    for (const auto& session : living) {
        visit(session);
    }
}

bool ServerCore::wait_until_empty(std::int64_t wait_ms) {
    std::unique_lock lock(mutex_);
    const auto is_empty = [this] { return sessions_.empty(); };
    if (wait_ms < 0) {
        changed_.wait(lock, is_empty);
        return true;
    }
    return changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), is_empty);
}

}  // namespace capstan::http
