#pragma once

// Every route that the server has, in one place.

#include "app/deployment_keeper.h"
#include "app/house.h"
#include "platform/jobs/job_folder.h"

namespace capstan::app {

// All outlive the house's router.
void add_all_routes(House& house, const DeploymentKeeper& keeper, const jobs::JobFolders& folders);

}  // namespace capstan::app
