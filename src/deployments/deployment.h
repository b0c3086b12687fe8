#pragma once

// A deployment: a name that callers use as `model`, and the targets that share its traffic.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace capstan::deployments {

// kStarting until every target with a weight answers; kDegraded when one of them stopped answering.
enum class DeploymentState { kStarting, kReady, kDegraded, kStopped };

std::string_view name_of(DeploymentState state);
DeploymentState state_from(std::string_view name);

// What engines round the weights to while they load them (`capstan engine --quantize`).
enum class Quantize { kNone, kInt8, kInt4 };

std::string_view name_of(Quantize quantize);  // "none", "int8", "int4"
Result<Quantize> parse_quantize(std::string_view name);

struct Target {
    std::string id;
    std::string label;       // "base", "adapted": unique in the deployment.
    std::string version_id;  // In the registry.
    std::string model;       // The version's model and number, for people.
    std::int64_t number = 0;
    std::int64_t weight = 0;        // Its share of the traffic is weight ÷ sum of weights.
    std::int64_t replicas_min = 1;  // 0: none run while nobody calls.
    std::int64_t replicas_max = 1;  // At least 1 and replicas_min; between the two, load decides.
    Quantize quantize = Quantize::kNone;
};

enum class Outcome { kPromote, kRollBack, kKeep };

std::string_view name_of(Outcome outcome);  // "promote", "roll_back", "keep"
Result<Outcome> parse_outcome(std::string_view name);

// What was decided about the split, why, and on what evidence.
struct Decision {
    std::string id;
    Outcome outcome = Outcome::kKeep;
    std::string reason;
    Json evidence = Json::object();  // Numbers that the decision rests on: p_value, difference, …
    std::int64_t decided_ms = 0;
    std::string decided_by;
};

struct Change {
    std::int64_t at_ms = 0;
    std::string what;
    std::string changed_by;
};

struct Deployment {
    std::string id;
    std::string project_id;
    std::string name;
    DeploymentState state = DeploymentState::kStarting;
    std::int64_t created_ms = 0;
    std::vector<Target> targets;
    std::optional<Decision> decision;  // The last one.
    std::vector<Change> history;       // Newest first.
};

}  // namespace capstan::deployments
