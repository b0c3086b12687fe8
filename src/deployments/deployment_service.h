#pragma once

// What may be done with deployments. Who starts and stops replicas, and who routes calls, asks here and is
// told of changes.

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "deployments/deployment.h"
#include "platform/sql/database.h"

namespace capstan::deployments {

inline constexpr std::int64_t kReplicasMax = 64;

struct NewDeployment {
    std::string project_id;
    std::string name;             // 1 to 100 letters, digits, '.', '_', '-', ':' or '/'.
    std::vector<Target> targets;  // 1 to 8; ids are given here; weights 0 to 1,000,000, not all 0.
    std::string by;
};

// Thread-safe. Blocking.
class DeploymentService {
public:
    struct Inputs {
        sql::Database& database;  // Outlives the service; its migrations have run.
        IdSource next_id;
        ClockMs now_ms;
    };

    explicit DeploymentService(Inputs inputs) : inputs_(std::move(inputs)) {}

    // Called after every change that is on the disk, by the thread that made it. Set before the first change.
    void on_change(std::function<void()> callback) { on_change_.push_back(std::move(callback)); }

    // A deployment in state starting. kConflict, when the name is taken, unless that deployment has the same
    // targets: then it.
    Result<Deployment> create(NewDeployment asked);
    Result<Deployment> get(std::string_view project_id, std::string_view name);
    Result<std::vector<Deployment>> list(std::string_view project_id, std::string_view cursor, int rows_max);
    Result<std::vector<Deployment>> all();  // Of all projects; at most 1,000.

    // By label; targets that are not named keep their weights. kNotFound for an unknown label, kInvalid for
    // weights out of range.
    struct SplitAsk {
        std::string name;
        std::map<std::string, std::int64_t> weights;
        std::string by;
    };

    Result<Deployment> set_split(std::string_view project_id, const SplitAsk& ask);

    // kNotFound for an unknown label, kInvalid for numbers out of range.
    struct ScaleAsk {
        std::string name;
        std::string label;
        std::int64_t replicas_min = 1;  // 0 to kReplicasMax
        std::int64_t replicas_max = 1;  // 1 to kReplicasMax, at least replicas_min
        std::string by;
    };

    Result<Deployment> scale(std::string_view project_id, const ScaleAsk& ask);

    // Another version behind the same label and weight, or the same one with its weights rounded otherwise:
    // replicas change over without a failed call. `version` has the version's id, model and number; the rest
    // of it is not looked at. What is not there stays; kInvalid when neither is.
    struct UpdateAsk {
        std::string name;
        std::string label;
        std::optional<Target> version = {};
        std::optional<Quantize> quantize = {};
        std::string by;
    };

    Result<Deployment> update(std::string_view project_id, const UpdateAsk& ask);

    // Records the decision and acts on it: promote gives all traffic to `label`, roll_back gives none to it,
    // keep changes nothing.
    struct DecisionAsk {
        std::string name;
        std::string label;  // The challenger that the decision is about.
        Outcome outcome = Outcome::kKeep;
        std::string reason;  // 1 to 2,000 bytes.
        Json evidence = Json::object();
        std::string by;
    };

    Result<Deployment> decide(std::string_view project_id, const DecisionAsk& ask);

    Result<Deployment> stop(std::string_view project_id, std::string_view name, std::string_view by);
    // What the supervisor of replicas sees. A stopped deployment stays stopped.
    Result<void> report_state(std::string_view project_id, std::string_view name, DeploymentState state);

private:
    void changed();
    // Runs `change` on the deployment in one transaction, with a line of history, and tells of it.
    Result<Deployment> apply(
        std::string_view project_id,
        std::string_view name,
        const std::function<Result<Change>(soci::session&, Deployment&)>& change
    );

    Inputs inputs_;
    std::vector<std::function<void()>> on_change_;
};

}  // namespace capstan::deployments
