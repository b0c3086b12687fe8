#pragma once

// How many replicas each target should have now, which of those that run get calls, and which may end:
// decided from what was seen, without doing anything. The keeper of deployments asks each second and carries
// it out.
//
// A target grows at once when its replicas let calls wait or are slow to the first token, shrinks after a
// calm minute, goes to none (when it may) after five, and comes back when somebody calls. A target whose
// variant has changed (its version, or what the weights are rounded to) gets replicas of the new one beside
// the old, and the old ones end when as many new ones answer and their last call is over: nobody's call
// fails. Replicas that do not fit the memory wait, and say so.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace capstan::serving {

struct FleetTarget {
    std::string id;
    std::string variant;   // What its replicas run: version and rounding of weights. Others are exchanged.
    int replicas_min = 1;  // 0: none while nobody calls.
    int replicas_max = 1;
    std::int64_t replica_bytes = 0;  // Of memory, of one that is yet to start.
    bool is_awaited = false;         // A caller waits for it to start.
};

// What one replica said of itself when it was last asked.
struct ReplicaLoad {
    std::int64_t running = 0;
    std::int64_t waiting = 0;
    double first_token_ms = 0;  // Mean of the calls since it was asked before; 0: there were none.
};

struct FleetReplica {
    std::string id;
    std::string target_id;
    std::string variant;
    std::int64_t bytes = 0;  // Of memory.
    bool is_healthy = false;
    ReplicaLoad load;
};

struct FleetRules {
    double waiting_max = 1;              // Calls that wait, for each replica; above it a target grows.
    double first_token_ms_max = 2'000;   // Above it a target grows.
    std::int64_t grow_every_ms = 3'000;  // A new replica must have shown what it does before the next.
    std::int64_t shrink_after_ms = 60'000;
    std::int64_t idle_to_none_ms = 300'000;
    std::int64_t drain_ms_max =
        600'000;                        // A replica that still answers calls ends after so long all the same.
    std::int64_t memory_bytes_max = 0;  // Of all replicas; 0: no limit.
};

struct PlannedReplica {
    std::string id;  // "<target>.<variant>.<number>"
    std::string target_id;
    std::string variant;
    bool gets_calls = false;
};

struct FleetPlan {
    std::vector<PlannedReplica> replicas;          // That should run; others should end.
    std::map<std::string, std::string> shortages;  // By target: why it has fewer than it should.
};

// Remembers since when targets are calm and which replicas end. Used by one thread at a time.
class FleetPlanner {
public:
    explicit FleetPlanner(FleetRules rules) : rules_(rules) {}

    FleetPlan plan(
        std::int64_t now_ms,
        const std::vector<FleetTarget>& targets,
        const std::vector<FleetReplica>& replicas
    );

private:
    struct Memory {
        int desired = -1;  // -1: never planned.
        std::int64_t grown_ms = 0;
        std::int64_t busy_ms = 0;    // When it last needed as many as it had.
        std::int64_t called_ms = 0;  // When it last had a call.
    };

    void decide(std::int64_t now_ms, const FleetTarget& target, const std::vector<const FleetReplica*>& own);
    bool is_overloaded(const std::vector<const FleetReplica*>& own) const;
    void plan_target(
        std::int64_t now_ms,
        const FleetTarget& target,
        const std::vector<const FleetReplica*>& own,
        FleetPlan& plan
    );
    void fit_memory(
        const std::vector<FleetTarget>& targets, const std::vector<FleetReplica>& replicas, FleetPlan& plan
    ) const;

    FleetRules rules_;
    std::map<std::string, Memory> targets_;
    std::map<std::string, std::int64_t> draining_since_ms_;  // By replica.
};

}  // namespace capstan::serving
