#pragma once

// Makes what runs agree with what is deployed and called: replicas for each target, as many as its load
// needs, and routes to those that answer.

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "app/house.h"
#include "platform/process/process_host.h"
#include "serving/fleet_plan.h"
#include "serving/replicas.h"

namespace capstan::app {

class DeploymentKeeper {
public:
    DeploymentKeeper(House& house, process::ProcessHost& host);  // Both outlive this.
    ~DeploymentKeeper();                                         // stop()

    std::vector<serving::ReplicaStatus> replicas() const { return replicas_->status(); }

    // Ends all replicas.
    void stop();

private:
    void wake();
    void run();
    void reconcile();
    // What each target needs; targets whose versions cannot be found are left out.
    std::vector<serving::ReplicaSpec> specs_of(const std::vector<deployments::Deployment>& deployments);
    serving::FleetPlan plan(
        const std::vector<deployments::Deployment>& deployments,
        const std::vector<serving::ReplicaSpec>& specs
    );
    void publish(const std::vector<deployments::Deployment>& deployments, const serving::FleetPlan& plan);
    void report_states(const std::vector<deployments::Deployment>& deployments);

    House& house_;
    std::mutex mutex_;  // Guards the two below.
    std::condition_variable woken_;
    bool is_woken_ = true;
    bool is_stopping_ = false;
    std::unique_ptr<serving::Replicas> replicas_;
    serving::FleetPlanner planner_;  // Used by thread_ only, as what follows.
    std::set<std::string> awaited_;  // Targets that callers wait for, until they answer.
    std::map<std::string, serving::ReplicaSpec> known_specs_;  // By target and variant: old ones still run.
    std::thread thread_;
};

}  // namespace capstan::app
