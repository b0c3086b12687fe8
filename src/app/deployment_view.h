#pragma once

// A deployment as JSON: the record beside the replicas that run and the measures of its targets.

#include <string>
#include <vector>

#include "app/deployment_keeper.h"
#include "app/house.h"
#include "base/json.h"

namespace capstan::app {

// For one answer: it asks for the replicas once.
class DeploymentView {
public:
    // `score` is the score whose mean is shown. Both outlive this.
    DeploymentView(House& house, const DeploymentKeeper& keeper, std::string score)
        : house_(house), replicas_(keeper.replicas()), score_(std::move(score)) {}

    Json json_of(const deployments::Deployment& deployment);

private:
    Json target_json(const deployments::Deployment& deployment, const deployments::Target& target);

    House& house_;
    std::vector<serving::ReplicaStatus> replicas_;
    std::string score_;
};

}  // namespace capstan::app
