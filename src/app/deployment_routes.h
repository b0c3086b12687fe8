#pragma once

// The HTTP face of deployments: the records beside what runs and what was measured.

#include <vector>

#include "app/deployment_keeper.h"
#include "app/house.h"
#include "platform/cli/command.h"

namespace capstan::app {

// Both outlive the house's router.
void add_deployment_routes(House& house, const DeploymentKeeper& keeper);

std::vector<cli::Command> deployment_commands();

}  // namespace capstan::app
