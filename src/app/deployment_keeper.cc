#include "app/deployment_keeper.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <sstream>

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

namespace capstan::app {
namespace {

using deployments::Deployment;
using deployments::DeploymentState;
using deployments::Target;
using serving::ReplicaStatus;

// Looks so often at what replicas have to do; a replica that could not be started is tried again.
constexpr auto kLookEvery = std::chrono::seconds(1);

std::int64_t memory_bytes_max(const EngineSettings& settings) {
    if (settings.memory_mb_max > 0) {
        return settings.memory_mb_max << 20;
    }
    return sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 5 * 4;
}

std::vector<std::string> words_of(const std::string& command) {
    std::istringstream text(command);
    return {std::istream_iterator<std::string>(text), {}};
}

std::string quantize_of(const Target& target) {
    return target.quantize == deployments::Quantize::kNone ? "" : std::string(name_of(target.quantize));
}

std::string variant_of(const Target& target) {
    return serving::variant_of(target.version_id, quantize_of(target));
}

std::optional<serving::ReplicaSpec> spec_of(
    House& house, const Deployment& deployment, const Target& target
) {
    auto version = house.registry().models().version(deployment.project_id, target.version_id);
    if (!version) {
        log_error(
            "target has no model", {{"deployment", deployment.name}, {"reason", version.error().message}}
        );
        return std::nullopt;
    }
    serving::ReplicaSpec spec{
        .id = "",
        .target_id = target.id,
        .version = std::move(*version),
        .base = std::nullopt,
        .quantize = quantize_of(target)
    };
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

std::string spec_key(const std::string& target_id, const std::string& variant) {
    return target_id + " " + variant;
}

bool answers(const ReplicaStatus& replica, const Target& target) {
    return replica.target_id == target.id && replica.is_healthy && !replica.url.empty();
}

DeploymentState state_of(const Deployment& deployment, const std::vector<ReplicaStatus>& replicas) {
    const bool all_answer = std::ranges::all_of(deployment.targets, [&](const Target& target) {
        return target.weight == 0 || target.replicas_min == 0 ||
               std::ranges::any_of(replicas, [&](const auto& replica) { return answers(replica, target); });
    });
    if (all_answer) {
        return DeploymentState::kReady;
    }
    return deployment.state == DeploymentState::kStarting ? DeploymentState::kStarting
                                                          : DeploymentState::kDegraded;
}

}  // namespace

DeploymentKeeper::DeploymentKeeper(House& house, process::ProcessHost& host)
    : house_(house),
      planner_(
          {.idle_to_none_ms = house.settings().engine.idle_s_to_none * 1000,
           .memory_bytes_max = memory_bytes_max(house.settings().engine)}
      ) {
    replicas_ = std::make_unique<serving::Replicas>(serving::Replicas::Inputs{
        .objects = house.objects(),
        .host = host,
        .program = program_path(),
        .models_folder = house.folders().models,
        .run_folder = house.folders().run,
        .threads = house.settings().engine.threads,
        .launcher = words_of(house.settings().engine.launcher),
        .on_change = [this] { wake(); },
    });
    house.deployments().deployments().on_change([this] { wake(); });
    house.gateway().awaited().on_add([this] { wake(); });
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
    auto deployments = house_.deployments().deployments().all();
    if (!deployments) {
        log_error("deployments cannot be read", {{"reason", deployments.error().message}});
        return;
    }
    std::erase_if(*deployments, [](const Deployment& deployment) {
        return deployment.state == DeploymentState::kStopped;
    });
    replicas_->observe();
    const std::vector<serving::ReplicaSpec> specs = specs_of(*deployments);
    const serving::FleetPlan planned = plan(*deployments, specs);
    // Routes first: a replica that is about to end must get no more calls.
    publish(*deployments, planned);
    std::vector<serving::ReplicaSpec> wanted;
    for (const serving::PlannedReplica& replica : planned.replicas) {
        const auto known = known_specs_.find(spec_key(replica.target_id, replica.variant));
        if (known != known_specs_.end()) {
            wanted.push_back(known->second);
            wanted.back().id = replica.id;
        }
    }
    replicas_->keep(wanted);
    report_states(*deployments);
}

std::vector<serving::ReplicaSpec> DeploymentKeeper::specs_of(const std::vector<Deployment>& deployments) {
    std::vector<serving::ReplicaSpec> specs;
    std::set<std::string> target_ids;
    for (const Deployment& deployment : deployments) {
        for (const Target& target : deployment.targets) {
            target_ids.insert(target.id);
            const std::string key = spec_key(target.id, variant_of(target));
            if (!known_specs_.contains(key)) {
                if (auto spec = spec_of(house_, deployment, target)) {
                    known_specs_.emplace(key, std::move(*spec));
                }
            }
            if (const auto known = known_specs_.find(key); known != known_specs_.end()) {
                specs.push_back(known->second);
            }
        }
    }
    std::erase_if(known_specs_, [&](const auto& entry) {
        return !target_ids.contains(entry.second.target_id);
    });
    return specs;
}

serving::FleetPlan DeploymentKeeper::plan(
    const std::vector<Deployment>& deployments, const std::vector<serving::ReplicaSpec>& specs
) {
    std::vector<serving::FleetReplica> replicas;
    for (const ReplicaStatus& status : replicas_->status()) {
        const bool is_healthy = status.is_healthy && !status.url.empty();
        replicas.push_back(
            {.id = status.id,
             .target_id = status.target_id,
             .variant = status.variant,
             .bytes = status.bytes,
             .is_healthy = is_healthy,
             .load = status.load}
        );
        if (is_healthy) {
            awaited_.erase(status.target_id);
        }
    }
    awaited_.merge(house_.gateway().awaited().take());
    std::vector<serving::FleetTarget> targets;
    for (const Deployment& deployment : deployments) {
        for (const Target& target : deployment.targets) {
            const auto spec = std::ranges::find(specs, target.id, &serving::ReplicaSpec::target_id);
            if (spec == specs.end()) {
                continue;
            }
            targets.push_back({
                .id = target.id,
                .variant = variant_of(target),
                .replicas_min = static_cast<int>(target.replicas_min),
                .replicas_max = static_cast<int>(target.replicas_max),
                .replica_bytes = serving::memory_bytes_of(*spec),
                .is_awaited = awaited_.contains(target.id),
            });
        }
    }
    std::erase_if(awaited_, [&](const std::string& id) {
        return std::ranges::find(targets, id, &serving::FleetTarget::id) == targets.end();
    });
    serving::FleetPlan planned = planner_.plan(monotonic_now_ms(), targets, replicas);
    for (const auto& [target_id, reason] : planned.shortages) {
        log_warning("too little memory for a replica", {{"target", target_id}, {"reason", reason}});
    }
    return planned;
}

void DeploymentKeeper::publish(
    const std::vector<Deployment>& deployments, const serving::FleetPlan& planned
) {
    const std::vector<ReplicaStatus> replicas = replicas_->status();
    const auto gets_calls = [&](const ReplicaStatus& replica) {
        const auto found = std::ranges::find(planned.replicas, replica.id, &serving::PlannedReplica::id);
        return found != planned.replicas.end() && found->gets_calls;
    };
    std::vector<gateway::Route> routes;
    for (const Deployment& deployment : deployments) {
        gateway::Route route{
            .project_id = deployment.project_id,
            .name = deployment.name,
            .created_ms = deployment.created_ms,
            .targets = {}
        };
        for (const Target& target : deployment.targets) {
            gateway::RouteTarget entry{.target = target, .upstreams = {}, .is_coming = true};
            for (const ReplicaStatus& replica : replicas) {
                if (answers(replica, target) && gets_calls(replica)) {
                    entry.upstreams.push_back({replica.url, replica.model});
                }
                if (replica.target_id == target.id && replica.state == "failed") {
                    entry.is_coming = false;
                }
            }
            entry.is_coming = entry.is_coming && !planned.shortages.contains(target.id);
            route.targets.push_back(std::move(entry));
        }
        routes.push_back(std::move(route));
    }
    house_.gateway().routes().replace(std::move(routes));
}

void DeploymentKeeper::report_states(const std::vector<Deployment>& deployments) {
    const std::vector<ReplicaStatus> replicas = replicas_->status();
    for (const Deployment& deployment : deployments) {
        const DeploymentState state = state_of(deployment, replicas);
        if (state == deployment.state) {
            continue;
        }
        const auto reported =
            house_.deployments().deployments().report_state(deployment.project_id, deployment.name, state);
        if (!reported) {
            log_error(
                "state not written", {{"deployment", deployment.name}, {"reason", reported.error().message}}
            );
        }
    }
}

}  // namespace capstan::app
