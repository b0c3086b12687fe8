#pragma once

// The HTTP face of runs: it reads a request, calls RunService, and writes what came back.

#include "platform/http/router.h"
#include "platform/jobs/job_service.h"
#include "tracking/run_service.h"

namespace capstan::tracking {

// `runs` and `jobs`, which knows how far a run's job is, outlive `router`.
void add_run_routes(http::Router& router, RunService& runs, jobs::JobService& jobs);

}  // namespace capstan::tracking
