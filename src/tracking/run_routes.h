#pragma once

// The HTTP face of runs: it reads a request, calls RunService, and writes what came back.

#include "platform/http/router.h"
#include "tracking/run_service.h"

namespace capstan::tracking {

// `runs` outlives `router`.
void add_run_routes(http::Router& router, RunService& runs);

}  // namespace capstan::tracking
