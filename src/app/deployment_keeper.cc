#include "app/deployment_keeper.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "base/log.h"

namespace capstan::app {
namespace {

using deployments::Deployment;
using deployments::DeploymentState;

// Looks again after so long even when nobody woke it: a replica that could not be started is tried again.
constexpr auto kLookEvery = std::chrono::seconds(10);

std::optional<serving::ReplicaSpec> spec_of(
    House& house, const Deployment& deployment, const deployments::Target& target
) {
    auto version = house.registry().models().version(deployment.project_id, target.version_id);
    if (!version) {
        log_error(
            "target has no model", {{"deployment", deployment.name}, {"reason", version.error().message}}
        );
        return std::nullopt;
    }
    serving::ReplicaSpec spec{.target_id = target.id, .version = std::move(*version), .base = std::nullopt};
    if (spec.version.base_version_id) {
        auto base = house.registry().models().version(deployment.project_id, *spec.version.base_version_id);
        if (!base) {
            log_error(
                "adapter has no base", {{"deployment", deployment.name}, {"reason", base.error().message}}
            );
            return std::nullopt;
        }
        spec.base = std::move(*base);
    }
    return spec;
}

using StatusByTarget = std::map<std::string, serving::ReplicaStatus>;

DeploymentState state_of(const Deployment& deployment, const StatusByTarget& replicas) {
    bool all_healthy = true;
    for (const deployments::Target& target : deployment.targets) {
        const auto replica = replicas.find(target.id);
        all_healthy =
            all_healthy && (target.weight == 0 || (replica != replicas.end() && replica->second.is_healthy));
    }
    if (all_healthy) {
        return DeploymentState::kReady;
    }
    return deployment.state == DeploymentState::kStarting ? DeploymentState::kStarting
                                                          : DeploymentState::kDegraded;
}

gateway::Route route_of(const Deployment& deployment, const StatusByTarget& replicas) {
    gateway::Route route{
        .project_id = deployment.project_id,
        .name = deployment.name,
        .created_ms = deployment.created_ms,
        .targets = {}
    };
    for (const deployments::Target& target : deployment.targets) {
        gateway::RouteTarget entry{.target = target, .upstreams = {}};
        const auto replica = replicas.find(target.id);
        if (replica != replicas.end() && replica->second.is_healthy && !replica->second.url.empty()) {
            entry.upstreams.push_back({replica->second.url, replica->second.model});
        }
        route.targets.push_back(std::move(entry));
    }
    return route;
}

}  // namespace

DeploymentKeeper::DeploymentKeeper(House& house, process::ProcessHost& host) : house_(house) {
    replicas_ = std::make_unique<serving::Replicas>(serving::Replicas::Inputs{
        .objects = house.objects(),
        .host = host,
        .program = program_path(),
        .models_folder = house.folders().models,
        .run_folder = house.folders().run,
        .threads = house.settings().engine.threads,
        .on_change = [this] { wake(); },
    });
    house.deployments().deployments().on_change([this] { wake(); });
    thread_ = std::thread([this] { run(); });
}

DeploymentKeeper::~DeploymentKeeper() {
    stop();
}

void DeploymentKeeper::wake() {
    const std::scoped_lock lock(mutex_);
    is_woken_ = true;
    woken_.notify_all();
}

void DeploymentKeeper::stop() {
    {
        const std::scoped_lock lock(mutex_);
        is_stopping_ = true;
        woken_.notify_all();
    }
    if (thread_.joinable()) {
        thread_.join();
    }
    replicas_->stop();
}

void DeploymentKeeper::run() {
    while (true) {
        {
            std::unique_lock lock(mutex_);
            woken_.wait_for(lock, kLookEvery, [this] { return is_woken_ || is_stopping_; });
            if (is_stopping_) {
                return;
            }
            is_woken_ = false;
        }
        reconcile();
    }
}

void DeploymentKeeper::reconcile() {
    const auto deployments = house_.deployments().deployments().all();
    if (!deployments) {
        log_error("deployments cannot be read", {{"reason", deployments.error().message}});
        return;
    }
    std::vector<serving::ReplicaSpec> wanted;
    for (const Deployment& deployment : *deployments) {
        if (deployment.state == DeploymentState::kStopped) {
            continue;
        }
        for (const deployments::Target& target : deployment.targets) {
            if (auto spec = spec_of(house_, deployment, target)) {
                wanted.push_back(std::move(*spec));
            }
        }
    }
    replicas_->keep(wanted);
    publish(*deployments);
}

void DeploymentKeeper::publish(const std::vector<Deployment>& deployments) {
    StatusByTarget by_target;
    for (auto& status : replicas_->status()) {
        std::string id = status.target_id;
        by_target.emplace(std::move(id), std::move(status));
    }
    std::vector<gateway::Route> routes;
    for (const Deployment& deployment : deployments) {
        if (deployment.state == DeploymentState::kStopped) {
            continue;
        }
        routes.push_back(route_of(deployment, by_target));
    }
    house_.gateway().routes().replace(std::move(routes));
    for (const Deployment& deployment : deployments) {
        const auto reported = house_.deployments().deployments().report_state(
            deployment.project_id, deployment.name, state_of(deployment, by_target)
        );
        if (!reported) {
            log_error(
                "state not written", {{"deployment", deployment.name}, {"reason", reported.error().message}}
            );
        }
    }
}

}  // namespace capstan::app
