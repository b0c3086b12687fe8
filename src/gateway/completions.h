#pragma once

// /v1/chat/completions and /v1/completions: a call comes in, goes to a target by the split, and its answer
// goes out as it is made. Whatever the caller asked for, the upstream streams: so the time to the first token
// is known, and usage is exact.

#include "gateway/awaited_targets.h"
#include "gateway/recorder.h"
#include "gateway/route_table.h"
#include "platform/http/async_client.h"
#include "platform/http/metrics.h"
#include "platform/http/router.h"
#include "platform/http/stream.h"
#include "spend/spend_service.h"

namespace capstan::gateway {

// All outlive the routes.
struct GatewayInputs {
    const RouteTable& routes;
    Recorder& recorder;
    const spend::SpendService& spend;
    http::AsyncClient& client;
    http::MetricRegistry& metrics;
    AwaitedTargets& awaited;
    std::int64_t upstream_idle_ms_max = 120'000;  // For a prompt to be read, and between two pieces of text.
    std::int64_t cold_start_ms_max = 30'000;      // How long a call waits for a replica that is coming.
};

// Adds POST /v1/chat/completions, POST /v1/completions, GET /v1/models and GET /v1/models/{model...}.
//
// A response's id is "chatcmpl-" or "cmpl-" and a UUIDv7; its trace has the same. The split sticks to the
// request's `user`, or to the header x-capstan-sticky-key; without either each call is on its own. The header
// x-capstan-target says which target answered. An upstream that cannot be reached, is full, or fails before
// it streams, is passed over for the next. A call for which no replica answers waits for
// one that is coming. Calls that name no model of the project, or are malformed, are
// answered and not recorded; every other call is recorded once, whatever becomes of it.
void add_completion_routes(http::Router& router, const GatewayInputs& inputs);

}  // namespace capstan::gateway
