#include "serving/fleet_plan.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace capstan::serving {
namespace {

// A fleet of processes that become healthy at once and do what the plan says.
class Fleet {
public:
    explicit Fleet(FleetRules rules = {}) : planner_(rules) {}

    FleetPlan step(std::int64_t ms = 1000) {
        now_ms_ += ms;
        const FleetPlan plan = planner_.plan(now_ms_, targets, replicas);
        std::vector<FleetReplica> next;
        for (const PlannedReplica& planned : plan.replicas) {
            const auto there = std::ranges::find(replicas, planned.id, &FleetReplica::id);
            next.push_back(
                there != replicas.end()
                    ? *there
                    : FleetReplica{
                          .id = planned.id,
                          .target_id = planned.target_id,
                          .variant = planned.variant,
                          .bytes = std::ranges::find(targets, planned.target_id, &FleetTarget::id)->replica_bytes,
                          .is_healthy = starts_healthy
                      }
            );
        }
        replicas = next;
        return plan;
    }

    FleetPlan steps(int count) {
        FleetPlan plan;
        for (int i = 0; i < count; ++i) {
            plan = step();
        }
        return plan;
    }

    int with_calls(const FleetPlan& plan) const {
        return static_cast<int>(std::ranges::count_if(plan.replicas, &PlannedReplica::gets_calls));
    }

    void load(const ReplicaLoad& load) {
        for (FleetReplica& replica : replicas) {
            replica.load = load;
        }
    }

    std::vector<FleetTarget> targets = {{.id = "t", .variant = "v1", .replicas_min = 1, .replicas_max = 3}};
    std::vector<FleetReplica> replicas;
    bool starts_healthy = true;

private:
    FleetPlanner planner_;
    std::int64_t now_ms_ = 1'000'000;
};

TEST(FleetPlan, KeepsTheLeastWhileNothingHappens) {
    Fleet fleet;
    fleet.targets[0].replicas_min = 2;
    EXPECT_EQ(fleet.step().replicas.size(), 2U);
    EXPECT_EQ(fleet.with_calls(fleet.steps(500)), 2);
    EXPECT_EQ(fleet.replicas.size(), 2U);
}

TEST(FleetPlan, GrowsWhileCallsWaitAndNeverBeyondTheMost) {
    Fleet fleet;
    fleet.steps(2);
    fleet.load({.running = 16, .waiting = 5});
    fleet.steps(3);
    EXPECT_EQ(fleet.replicas.size(), 2U);
    for (int i = 0; i < 60; ++i) {
        fleet.load({.running = 16, .waiting = 5});
        fleet.step();
    }
    EXPECT_EQ(fleet.replicas.size(), 3U);
}

TEST(FleetPlan, GrowsWhenTheFirstTokenIsSlow) {
    Fleet fleet;
    fleet.steps(2);
    fleet.load({.running = 1, .first_token_ms = 5000});
    fleet.steps(4);
    EXPECT_EQ(fleet.replicas.size(), 2U);
}

TEST(FleetPlan, WaitsForANewReplicaToAnswerBeforeTheNext) {
    Fleet fleet;
    fleet.steps(2);
    fleet.starts_healthy = false;
    for (int i = 0; i < 60; ++i) {
        fleet.load({.running = 16, .waiting = 50});
        fleet.step();
    }
    EXPECT_EQ(fleet.replicas.size(), 2U);
}

TEST(FleetPlan, ShrinksOneAtATimeAfterACalmMinute) {
    Fleet fleet;
    fleet.steps(2);
    for (int i = 0; i < 60; ++i) {
        fleet.load({.running = 16, .waiting = 5});
        fleet.step();
    }
    fleet.load({});
    fleet.steps(50);
    EXPECT_EQ(fleet.replicas.size(), 3U);
    fleet.steps(15);
    EXPECT_EQ(fleet.replicas.size(), 2U);
    fleet.steps(62);
    EXPECT_EQ(fleet.replicas.size(), 1U);
}

TEST(FleetPlan, AReplicaThatIsNoLongerNeededEndsItsCallsFirst) {
    Fleet fleet;
    fleet.targets[0].replicas_min = 2;
    fleet.steps(2);
    fleet.load({.running = 1});
    fleet.targets[0].replicas_min = fleet.targets[0].replicas_max = 1;
    const FleetPlan plan = fleet.steps(20);
    EXPECT_EQ(plan.replicas.size(), 2U);
    EXPECT_EQ(fleet.with_calls(plan), 1);
    fleet.load({});
    EXPECT_EQ(fleet.step().replicas.size(), 1U);
}

TEST(FleetPlan, AReplicaWhoseCallsNeverEndIsEndedAfterTheLongestDrain) {
    Fleet fleet({.drain_ms_max = 5'000});
    fleet.targets[0].replicas_min = 2;
    fleet.steps(2);
    fleet.load({.running = 1});
    fleet.targets[0].replicas_min = fleet.targets[0].replicas_max = 1;
    EXPECT_EQ(fleet.steps(4).replicas.size(), 2U);
    EXPECT_EQ(fleet.steps(3).replicas.size(), 1U);
}

TEST(FleetPlan, GoesToNoneWhenNobodyCallsAndComesBackWhenSomebodyDoes) {
    Fleet fleet;
    fleet.targets[0].replicas_min = 0;
    EXPECT_TRUE(fleet.step().replicas.empty());
    fleet.targets[0].is_awaited = true;
    fleet.step();
    fleet.targets[0].is_awaited = false;
    EXPECT_EQ(fleet.with_calls(fleet.step()), 1);
    fleet.load({.running = 1});
    EXPECT_EQ(fleet.steps(400).replicas.size(), 1U) << "it has a call";
    fleet.load({});
    EXPECT_EQ(fleet.steps(290).replicas.size(), 1U);
    EXPECT_TRUE(fleet.steps(15).replicas.empty());
}

TEST(FleetPlan, ANewVersionTakesOverWhenItAnswersAndNotBefore) {
    Fleet fleet;
    fleet.targets[0].replicas_min = 2;
    fleet.steps(2);
    fleet.load({.running = 1});
    fleet.targets[0].variant = "v2";
    fleet.starts_healthy = false;
    FleetPlan plan = fleet.steps(10);
    EXPECT_EQ(plan.replicas.size(), 4U);
    for (const PlannedReplica& planned : plan.replicas) {
        EXPECT_EQ(planned.gets_calls, planned.variant == "v1") << planned.id;
    }
    for (FleetReplica& replica : fleet.replicas) {
        replica.is_healthy = true;
    }
    plan = fleet.step();
    EXPECT_EQ(plan.replicas.size(), 4U) << "the old ones still have calls";
    for (const PlannedReplica& planned : plan.replicas) {
        EXPECT_EQ(planned.gets_calls, planned.variant == "v2") << planned.id;
    }
    fleet.load({});
    plan = fleet.step();
    EXPECT_EQ(plan.replicas.size(), 2U);
    EXPECT_EQ(fleet.with_calls(plan), 2);
}

TEST(FleetPlan, WhatDoesNotFitTheMemoryWaitsAndSaysWhy) {
    Fleet fleet({.memory_bytes_max = std::int64_t{2500} << 20});
    fleet.targets[0].replicas_min = fleet.targets[0].replicas_max = 2;
    fleet.targets[0].replica_bytes = std::int64_t{1000} << 20;
    fleet.targets.push_back({.id = "u", .variant = "v9", .replica_bytes = std::int64_t{1000} << 20});
    const FleetPlan plan = fleet.step();
    EXPECT_EQ(plan.replicas.size(), 2U);
    ASSERT_TRUE(plan.shortages.contains("u"));
    EXPECT_TRUE(plan.shortages.at("u").contains("1000 MB")) << plan.shortages.at("u");
    fleet.targets[0].replicas_min = fleet.targets[0].replicas_max = 1;
    fleet.steps(3);
    EXPECT_TRUE(fleet.step().shortages.empty());
    EXPECT_EQ(std::ranges::count(fleet.replicas, std::string("u"), &FleetReplica::target_id), 1);
}

TEST(FleetPlan, CountsTheMemoryOfOldReplicasAsTheyAreUntilTheyEnd) {
    Fleet fleet({.memory_bytes_max = std::int64_t{1500} << 20});
    fleet.targets[0].replica_bytes = std::int64_t{1000} << 20;
    fleet.steps(2);
    fleet.targets[0].variant = "v1.int8";
    fleet.targets[0].replica_bytes = std::int64_t{600} << 20;
    FleetPlan plan = fleet.step();
    EXPECT_EQ(fleet.with_calls(plan), 1) << "the old one goes on";
    EXPECT_TRUE(plan.shortages.contains("t")) << "1000 and 600 MB are over 1500";
    fleet.targets[0].variant = "v1.int4";
    fleet.targets[0].replica_bytes = std::int64_t{500} << 20;
    plan = fleet.steps(4);
    EXPECT_TRUE(plan.shortages.empty());
    ASSERT_EQ(plan.replicas.size(), 1U);
    EXPECT_EQ(plan.replicas[0].variant, "v1.int4");
}

TEST(FleetPlan, ForgetsTargetsThatAreGone) {
    Fleet fleet;
    fleet.step();
    fleet.targets.clear();
    EXPECT_TRUE(fleet.step().replicas.empty());
}

}  // namespace
}  // namespace capstan::serving
