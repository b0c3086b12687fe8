#pragma once

// Makes what runs agree with what is deployed: a replica for each target, and routes to those that answer.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "app/house.h"
#include "platform/process/process_host.h"
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
    void publish(const std::vector<deployments::Deployment>& deployments);

    House& house_;
    std::mutex mutex_;  // Guards the two below.
    std::condition_variable woken_;
    bool is_woken_ = true;
    bool is_stopping_ = false;
    std::unique_ptr<serving::Replicas> replicas_;
    std::thread thread_;
};

}  // namespace capstan::app
