#include "deployments/deployment_service.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/format.h>

#include "deployments/deployment_store.h"

namespace capstan::deployments {
namespace {

constexpr std::size_t kNameBytesMax = 100;
constexpr std::size_t kTargetsMax = 8;
constexpr std::size_t kReasonBytesMax = 2000;
constexpr std::int64_t kWeightMax = 1'000'000;

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= kNameBytesMax && std::ranges::all_of(name, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("._-:/").contains(c);
    });
}

Result<void> check_weights(const std::vector<Target>& targets) {
    std::int64_t sum = 0;
    for (const Target& target : targets) {
        if (target.weight < 0 || target.weight > kWeightMax) {
            return Error{
                ErrorCode::kInvalid,
                fmt::format("the weight of '{}' must be from 0 to {}", target.label, kWeightMax)
            };
        }
        sum += target.weight;
    }
    if (sum == 0) {
        return Error{ErrorCode::kInvalid, "at least one target must have a weight above 0"};
    }
    return {};
}

Result<void> check_replicas(const Target& target) {
    if (target.replicas_min < 0 || target.replicas_max < 1 || target.replicas_min > target.replicas_max ||
        target.replicas_max > kReplicasMax) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "the replicas of '{}' must be 0 <= replicas_min <= replicas_max, and replicas_max 1 to {}",
                target.label,
                kReplicasMax
            )
        };
    }
    return {};
}

Result<void> check(const NewDeployment& asked) {
    if (!is_name(asked.name)) {
        return Error{
            ErrorCode::kInvalid, "a deployment's name has 1 to 100 letters, digits, '.', '_', '-', ':' or '/'"
        };
    }
    if (asked.targets.empty() || asked.targets.size() > kTargetsMax) {
        return Error{ErrorCode::kInvalid, fmt::format("a deployment has 1 to {} targets", kTargetsMax)};
    }
    std::set<std::string> labels;
    for (const Target& target : asked.targets) {
        if (!is_name(target.label) || !labels.insert(target.label).second) {
            return Error{ErrorCode::kInvalid, "each target needs a label of its own"};
        }
        if (auto checked = check_replicas(target); !checked) {
            return checked;
        }
    }
    return check_weights(asked.targets);
}

bool same_targets(const std::vector<Target>& a, const std::vector<Target>& b) {
    return std::ranges::equal(a, b, [](const Target& x, const Target& y) {
        return x.label == y.label && x.version_id == y.version_id && x.quantize == y.quantize;
    });
}

Target* find_target(Deployment& deployment, std::string_view label) {
    const auto found = std::ranges::find(deployment.targets, label, &Target::label);
    return found != deployment.targets.end() ? &*found : nullptr;
}

Error no_target(const Deployment& deployment, std::string_view label) {
    return {ErrorCode::kNotFound, fmt::format("deployment {} has no target '{}'", deployment.name, label)};
}

std::string engine_text(const Target& target) {
    const std::string version = fmt::format("{}/{}", target.model, target.number);
    return target.quantize == Quantize::kNone ? version
                                              : fmt::format("{} in {}", version, name_of(target.quantize));
}

std::string split_text(const Deployment& deployment) {
    std::string text;
    for (const Target& target : deployment.targets) {
        text += fmt::format("{}{} {}", text.empty() ? "" : " / ", target.label, target.weight);
    }
    return text;
}

void store_weights(soci::session& session, const Deployment& deployment) {
    for (const Target& target : deployment.targets) {
        update_weight(session, target.id, target.weight);
    }
}

// The weights after a decision about `challenger`: all to it, or all that it has to the others in their
// proportions.
void act(Deployment& deployment, const Target& challenger, Outcome outcome) {
    if (outcome == Outcome::kKeep) {
        return;
    }
    const std::string id = challenger.id;
    const bool promoted = outcome == Outcome::kPromote;
    const bool others_have_none = std::ranges::all_of(deployment.targets, [&](const Target& target) {
        return target.id == id || target.weight == 0;
    });
    for (Target& target : deployment.targets) {
        if (target.id == id) {
            target.weight = promoted ? 100 : 0;
        } else if (promoted) {
            target.weight = 0;
        } else if (others_have_none) {
            target.weight = 100;  // All went to the challenger; somebody must answer.
        }
    }
}

}  // namespace

void DeploymentService::changed() {
    for (const auto& callback : on_change_) {
        callback();
    }
}

Result<Deployment> DeploymentService::create(NewDeployment asked) {
    if (auto checked = check(asked); !checked) {
        return checked.error();
    }
    Deployment fresh;
    fresh.id = inputs_.next_id();
    fresh.project_id = asked.project_id;
    fresh.name = asked.name;
    fresh.created_ms = inputs_.now_ms();
    fresh.targets = std::move(asked.targets);
    for (Target& target : fresh.targets) {
        target.id = inputs_.next_id();
    }
    auto made = inputs_.database.transact([&](soci::session& session) -> Result<Deployment> {
        if (auto there = find_deployment(session, fresh.project_id, fresh.name);
            there && same_targets(there->targets, fresh.targets) &&
            there->state != DeploymentState::kStopped) {
            return there;
        }
        if (auto inserted = insert_deployment(session, fresh); !inserted) {
            return inserted.error();
        }
        insert_change(
            session,
            fresh.id,
            inputs_.next_id(),
            {inputs_.now_ms(), "created: " + split_text(fresh), asked.by}
        );
        return find_deployment(session, fresh.project_id, fresh.name);
    });
    if (made) {
        changed();
    }
    return made;
}

Result<Deployment> DeploymentService::get(std::string_view project_id, std::string_view name) {
    return inputs_.database.read([&](soci::session& session) {
        return find_deployment(session, project_id, name);
    });
}

Result<std::vector<Deployment>> DeploymentService::list(
    std::string_view project_id, std::string_view cursor, int rows_max
) {
    return inputs_.database.read([&](soci::session& session) {
        return Result<std::vector<Deployment>>(list_deployments(session, project_id, cursor, rows_max));
    });
}

Result<std::vector<Deployment>> DeploymentService::all() {
    return inputs_.database.read([](soci::session& session) {
        return Result<std::vector<Deployment>>(list_all_deployments(session));
    });
}

Result<Deployment> DeploymentService::apply(
    std::string_view project_id,
    std::string_view name,
    const std::function<Result<Change>(soci::session&, Deployment&)>& change
) {
    auto done = inputs_.database.transact([&](soci::session& session) -> Result<Deployment> {
        auto deployment = find_deployment(session, project_id, name);
        if (!deployment) {
            return deployment;
        }
        const auto made = change(session, *deployment);
        if (!made) {
            return made.error();
        }
        insert_change(session, deployment->id, inputs_.next_id(), *made);
        return find_deployment(session, project_id, name);
    });
    if (done) {
        changed();
    }
    return done;
}

Result<Deployment> DeploymentService::set_split(std::string_view project_id, const SplitAsk& ask) {
    return apply(project_id, ask.name, [&](soci::session& session, Deployment& deployment) -> Result<Change> {
        for (const auto& [label, weight] : ask.weights) {
            Target* target = find_target(deployment, label);
            if (target == nullptr) {
                return no_target(deployment, label);
            }
            target->weight = weight;
        }
        if (auto checked = check_weights(deployment.targets); !checked) {
            return checked.error();
        }
        store_weights(session, deployment);
        return Change{inputs_.now_ms(), "split: " + split_text(deployment), ask.by};
    });
}

Result<Deployment> DeploymentService::scale(std::string_view project_id, const ScaleAsk& ask) {
    return apply(project_id, ask.name, [&](soci::session& session, Deployment& deployment) -> Result<Change> {
        Target* target = find_target(deployment, ask.label);
        if (target == nullptr) {
            return no_target(deployment, ask.label);
        }
        target->replicas_min = ask.replicas_min;
        target->replicas_max = ask.replicas_max;
        if (auto checked = check_replicas(*target); !checked) {
            return checked.error();
        }
        update_replicas(session, *target);
        return Change{
            inputs_.now_ms(),
            fmt::format("replicas of {}: {} to {}", ask.label, ask.replicas_min, ask.replicas_max),
            ask.by
        };
    });
}

Result<Deployment> DeploymentService::update(std::string_view project_id, const UpdateAsk& ask) {
    if (!ask.version && !ask.quantize) {
        return Error{ErrorCode::kInvalid, "nothing to change: name a version, or 'quantize'"};
    }
    return apply(project_id, ask.name, [&](soci::session& session, Deployment& deployment) -> Result<Change> {
        Target* target = find_target(deployment, ask.label);
        if (target == nullptr) {
            return no_target(deployment, ask.label);
        }
        const std::string before = engine_text(*target);
        if (ask.version) {
            target->version_id = ask.version->version_id;
            target->model = ask.version->model;
            target->number = ask.version->number;
        }
        target->quantize = ask.quantize.value_or(target->quantize);
        update_version(session, *target);
        return Change{
            inputs_.now_ms(),
            fmt::format("{}: {} in place of {}", ask.label, engine_text(*target), before),
            ask.by
        };
    });
}

Result<Deployment> DeploymentService::decide(std::string_view project_id, const DecisionAsk& ask) {
    if (ask.reason.empty() || ask.reason.size() > kReasonBytesMax) {
        return Error{ErrorCode::kInvalid, fmt::format("'reason' must have 1 to {} bytes", kReasonBytesMax)};
    }
    return apply(project_id, ask.name, [&](soci::session& session, Deployment& deployment) -> Result<Change> {
        const Target* challenger = find_target(deployment, ask.label);
        if (challenger == nullptr) {
            return no_target(deployment, ask.label);
        }
        act(deployment, *challenger, ask.outcome);
        store_weights(session, deployment);
        insert_decision(
            session,
            deployment.id,
            {.id = inputs_.next_id(),
             .outcome = ask.outcome,
             .reason = ask.reason,
             .evidence = ask.evidence,
             .decided_ms = inputs_.now_ms(),
             .decided_by = ask.by}
        );
        return Change{
            inputs_.now_ms(),
            fmt::format("{} {}: {}", name_of(ask.outcome), ask.label, split_text(deployment)),
            ask.by
        };
    });
}

Result<Deployment> DeploymentService::stop(
    std::string_view project_id, std::string_view name, std::string_view by
) {
    return apply(
        project_id,
        name,
        [&](soci::session& session, const Deployment& deployment) -> Result<Change> {
            update_state(session, deployment.id, DeploymentState::kStopped);
            return Change{inputs_.now_ms(), "stopped", std::string(by)};
        }
    );
}

Result<void> DeploymentService::report_state(
    std::string_view project_id, std::string_view name, DeploymentState state
) {
    auto reported = inputs_.database.transact([&](soci::session& session) -> Result<bool> {
        const auto deployment = find_deployment(session, project_id, name);
        if (!deployment) {
            return deployment.error();
        }
        if (deployment->state == DeploymentState::kStopped || deployment->state == state) {
            return false;
        }
        update_state(session, deployment->id, state);
        return true;
    });
    if (!reported) {
        return reported.error();
    }
    if (*reported) {
        changed();
    }
    return {};
}

}  // namespace capstan::deployments
