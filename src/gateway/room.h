#pragma once

// The gateway room: OpenAI's API in front of the deployments. app/house.h builds it once.

#include "gateway/awaited_targets.h"
#include "gateway/completions.h"
#include "gateway/recorder.h"
#include "gateway/route_table.h"
#include "platform/http/async_client.h"
#include "platform/http/io_threads.h"
#include "platform/http/metrics.h"
#include "platform/http/router.h"

namespace capstan::gateway {

class Room {
public:
    struct Inputs {  // All outlive the room.
        events::EventLog& log;
        const spend::SpendService& spend;
        http::IoThreads& io;
        http::MetricRegistry& metrics;
        std::int64_t upstream_idle_ms_max = 120'000;
    };

    explicit Room(const Inputs& inputs)
        : spend_(inputs.spend),
          metrics_(inputs.metrics),
          upstream_idle_ms_max_(inputs.upstream_idle_ms_max),
          recorder_(inputs.log),
          client_(inputs.io) {}

    void add_routes(http::Router& router) {
        add_completion_routes(
            router,
            {.routes = routes_,
             .recorder = recorder_,
             .spend = spend_,
             .client = client_,
             .metrics = metrics_,
             .awaited = awaited_,
             .upstream_idle_ms_max = upstream_idle_ms_max_}
        );
    }

    RouteTable& routes() { return routes_; }

    AwaitedTargets& awaited() { return awaited_; }

private:
    const spend::SpendService& spend_;
    http::MetricRegistry& metrics_;
    std::int64_t upstream_idle_ms_max_;
    RouteTable routes_;
    AwaitedTargets awaited_;
    Recorder recorder_;
    http::AsyncClient client_;
};

}  // namespace capstan::gateway
