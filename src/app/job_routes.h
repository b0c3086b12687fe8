#pragma once

// The HTTP face of jobs.

#include <vector>

#include "platform/cli/command.h"
#include "platform/http/router.h"
#include "platform/jobs/job_folder.h"
#include "platform/jobs/job_service.h"

namespace capstan::app {

// Both outlive `router`.
void add_job_routes(http::Router& router, jobs::JobService& jobs, const jobs::JobFolders& folders);

std::vector<cli::Command> job_commands();

}  // namespace capstan::app
