#pragma once

// The HTTP face of traces and feedback.

#include "observability/trace_service.h"
#include "platform/http/router.h"

namespace capstan::observability {

void add_trace_routes(http::Router& router, TraceService& traces);  // `traces` outlives `router`.

}  // namespace capstan::observability
