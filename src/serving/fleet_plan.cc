#include "serving/fleet_plan.h"

#include <algorithm>

#include <fmt/format.h>

namespace capstan::serving {
namespace {

using Own = std::vector<const FleetReplica*>;

Own replicas_of(const FleetTarget& target, const std::vector<FleetReplica>& replicas) {
    Own own;
    for (const FleetReplica& replica : replicas) {
        if (replica.target_id == target.id) {
            own.push_back(&replica);
        }
    }
    return own;
}

std::string replica_id(const FleetTarget& target, int number) {
    return fmt::format("{}.{}.{}", target.id, target.variant, number);
}

bool is_called(const FleetReplica& replica) {
    return replica.load.running + replica.load.waiting > 0;
}

}  // namespace

bool FleetPlanner::is_overloaded(const Own& own) const {
    std::int64_t waiting = 0;
    std::int64_t healthy = 0;
    double first_token_ms = 0;
    for (const FleetReplica* replica : own) {
        if (replica->is_healthy) {
            ++healthy;
            waiting += replica->load.waiting;
            first_token_ms = std::max(first_token_ms, replica->load.first_token_ms);
        }
    }
    return healthy > 0 && (static_cast<double>(waiting) > rules_.waiting_max * static_cast<double>(healthy) ||
                           first_token_ms > rules_.first_token_ms_max);
}

// How many replicas the target should have from now on.
void FleetPlanner::decide(std::int64_t now_ms, const FleetTarget& target, const Own& own) {
    Memory& memory = targets_[target.id];
    if (memory.desired < 0) {
        memory = {.desired = target.replicas_min, .grown_ms = now_ms, .busy_ms = now_ms, .called_ms = now_ms};
    }
    if (target.is_awaited ||
        std::ranges::any_of(own, [](const auto* replica) { return is_called(*replica); })) {
        memory.called_ms = now_ms;
    }
    const bool has_all_healthy = std::ranges::count_if(own, [&](const FleetReplica* replica) {
                                     return replica->is_healthy && replica->variant == target.variant;
                                 }) >= memory.desired;
    if (target.is_awaited && memory.desired == 0) {
        memory.desired = 1;
        memory.grown_ms = memory.busy_ms = now_ms;
    } else if (is_overloaded(own)) {
        memory.busy_ms = now_ms;
        if (has_all_healthy && now_ms - memory.grown_ms >= rules_.grow_every_ms) {
            ++memory.desired;
            memory.grown_ms = now_ms;
        }
    } else if (memory.desired > 1 && now_ms - memory.busy_ms >= rules_.shrink_after_ms) {
        --memory.desired;
        memory.busy_ms = now_ms;  // One at a time: the others must show that they are enough.
    }
    if (memory.desired <= 1 && target.replicas_min == 0 &&
        now_ms - memory.called_ms >= rules_.idle_to_none_ms) {
        memory.desired = 0;
    }
    const int least = target.is_awaited ? std::max(1, target.replicas_min) : target.replicas_min;
    memory.desired = std::clamp(memory.desired, least, std::max(least, target.replicas_max));
}

void FleetPlanner::plan_target(
    std::int64_t now_ms, const FleetTarget& target, const Own& own, FleetPlan& plan
) {
    const int desired = targets_[target.id].desired;
    int current_healthy = 0;
    for (int number = 0; number < desired; ++number) {
        const std::string id = replica_id(target, number);
        const auto found =
            std::ranges::find(own, id, [](const FleetReplica* replica) { return replica->id; });
        const bool is_healthy = found != own.end() && (*found)->is_healthy;
        current_healthy += is_healthy ? 1 : 0;
        draining_since_ms_.erase(id);
        plan.replicas.push_back({id, target.id, target.variant, is_healthy});
    }
    // What runs beyond that: of the variant before, until the new one answers, or more than are needed.
    for (const FleetReplica* replica : own) {
        const bool is_planned = std::ranges::any_of(plan.replicas, [&](const PlannedReplica& planned) {
            return planned.id == replica->id;
        });
        if (is_planned) {
            continue;
        }
        const bool stands_in = replica->variant != target.variant && desired > 0 && current_healthy < desired;
        const std::int64_t since = draining_since_ms_.try_emplace(replica->id, now_ms).first->second;
        const bool is_draining =
            replica->is_healthy && is_called(*replica) && now_ms - since < rules_.drain_ms_max;
        if (stands_in) {
            draining_since_ms_.erase(replica->id);
        }
        // A call may have been on its way when the replica was last asked: it is asked once more without
        // calls.
        const bool was_just_told = now_ms == since;
        if (stands_in || is_draining || (replica->is_healthy && was_just_told)) {
            plan.replicas.push_back(
                {replica->id, target.id, replica->variant, stands_in && replica->is_healthy}
            );
        }
    }
}

// Drops what does not run yet and does not fit, the last planned first.
void FleetPlanner::fit_memory(
    const std::vector<FleetTarget>& targets, const std::vector<FleetReplica>& replicas, FleetPlan& plan
) const {
    if (rules_.memory_bytes_max == 0) {
        return;
    }
    const auto find_running = [&](const PlannedReplica& planned) {
        return std::ranges::find(replicas, planned.id, &FleetReplica::id);
    };
    std::int64_t used = 0;
    for (const PlannedReplica& planned : plan.replicas) {
        const auto running = find_running(planned);
        used += running != replicas.end() ? running->bytes : 0;
    }
    std::erase_if(plan.replicas, [&](const PlannedReplica& planned) {
        if (find_running(planned) != replicas.end()) {
            return false;
        }
        const std::int64_t bytes =
            std::ranges::find(targets, planned.target_id, &FleetTarget::id)->replica_bytes;
        if (used + bytes <= rules_.memory_bytes_max) {
            used += bytes;
            return false;
        }
        plan.shortages[planned.target_id] = fmt::format(
            "a replica needs about {} MB and {} of {} MB are taken: stop something, or raise "
            "engine.memory_mb_max",
            bytes >> 20,
            used >> 20,
            rules_.memory_bytes_max >> 20
        );
        return true;
    });
}

FleetPlan FleetPlanner::plan(
    std::int64_t now_ms, const std::vector<FleetTarget>& targets, const std::vector<FleetReplica>& replicas
) {
    FleetPlan plan;
    for (const FleetTarget& target : targets) {
        const Own own = replicas_of(target, replicas);
        decide(now_ms, target, own);
        plan_target(now_ms, target, own, plan);
    }
    fit_memory(targets, replicas, plan);
    std::erase_if(targets_, [&](const auto& entry) {
        return std::ranges::find(targets, entry.first, &FleetTarget::id) == targets.end();
    });
    std::erase_if(draining_since_ms_, [&](const auto& entry) {
        return std::ranges::find(replicas, entry.first, &FleetReplica::id) == replicas.end();
    });
    return plan;
}

}  // namespace capstan::serving
