#include "gateway/route_table.h"

#include <algorithm>
#include <map>
#include <string>

#include <gtest/gtest.h>

namespace capstan::gateway {
namespace {

RouteTarget target(std::string label, std::int64_t weight, std::vector<std::string> urls) {
    RouteTarget made;
    made.target.id = "id-" + label;
    made.target.label = std::move(label);
    made.target.weight = weight;
    for (std::string& url : urls) {
        made.upstreams.push_back({.url = std::move(url), .model = "m"});
    }
    return made;
}

Route route(std::string project, std::string name, std::vector<RouteTarget> targets = {}) {
    return {
        .project_id = std::move(project),
        .name = std::move(name),
        .created_ms = 0,
        .targets = std::move(targets)
    };
}

std::vector<std::string> urls(const std::vector<Attempt>& attempts) {
    std::vector<std::string> all;
    for (const Attempt& attempt : attempts) {
        all.push_back(attempt.upstream->url);
    }
    return all;
}

TEST(RouteTable, FindsARouteOnlyInItsProject) {
    RouteTable table;
    table.replace({route("p", "man"), route("q", "other")});
    ASSERT_TRUE(table.find("p", "man"));
    EXPECT_EQ((*table.find("p", "man"))->name, "man");
    const auto missing = table.find("p", "other");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
    EXPECT_TRUE(missing.error().message.contains("'other'")) << missing.error().message;
}

TEST(RouteTable, ListsByName) {
    RouteTable table;
    table.replace({route("p", "b"), route("q", "x"), route("p", "a")});
    const auto listed = table.list("p");
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed[0]->name, "a");
    EXPECT_EQ(listed[1]->name, "b");
    EXPECT_TRUE(table.list("nobody").empty());
}

TEST(RouteTable, AReaderKeepsTheRouteThatItFound) {
    RouteTable table;
    table.replace({route("p", "man", {target("base", 1, {"http://one"})})});
    const auto found = table.find("p", "man");
    table.replace({});
    EXPECT_FALSE(table.find("p", "man"));
    EXPECT_EQ((*found)->targets[0].upstreams[0].url, "http://one");
}

TEST(PlanAttempts, AKeyAlwaysGetsTheSameTargetAndTheSameReplicaFirst) {
    const Route man = route(
        "p", "man", {target("base", 50, {"b1", "b2", "b3"}), target("adapted", 50, {"a1", "a2", "a3"})}
    );
    for (int i = 0; i < 50; ++i) {
        const std::string key = "user-" + std::to_string(i);
        EXPECT_EQ(urls(*plan_attempts(man, key)), urls(*plan_attempts(man, key)));
    }
}

TEST(PlanAttempts, SharesTargetsByWeightAndReplicasEvenly) {
    const Route man = route("p", "man", {target("base", 90, {"b1", "b2"}), target("adapted", 10, {"a1"})});
    std::map<std::string, int> first;
    for (int i = 0; i < 4000; ++i) {
        ++first[plan_attempts(man, "user-" + std::to_string(i))->front().upstream->url];
    }
    EXPECT_NEAR(first["a1"], 400, 100);  // Five standard deviations.
    EXPECT_NEAR(first["b1"], 1800, 170);
    EXPECT_NEAR(first["b2"], 1800, 170);
}

TEST(PlanAttempts, TriesTheOtherReplicasAndThenTheOtherTargets) {
    const Route man = route(
        "p", "man", {target("base", 1, {"b1", "b2"}), target("adapted", 1, {"a1"}), target("off", 0, {"o1"})}
    );
    for (int i = 0; i < 20; ++i) {
        const auto attempts = plan_attempts(man, std::to_string(i));
        ASSERT_TRUE(attempts);
        ASSERT_EQ(attempts->size(), 3U) << "a target without weight gets no calls, not even failed ones";
        const RouteTarget* chosen = attempts->front().target;
        EXPECT_FALSE(attempts->front().is_fallback);
        for (const Attempt& attempt : *attempts) {
            EXPECT_EQ(attempt.is_fallback, attempt.target != chosen);
        }
        EXPECT_TRUE(std::ranges::is_sorted(*attempts, {}, &Attempt::is_fallback));
    }
}

TEST(PlanAttempts, PassesOverATargetWithoutReplicas) {
    const Route man = route("p", "man", {target("base", 1000, {}), target("adapted", 1, {"a1"})});
    const auto attempts = plan_attempts(man, "someone");
    ASSERT_TRUE(attempts);
    ASSERT_EQ(attempts->size(), 1U);
    EXPECT_TRUE(attempts->front().is_fallback);
}

TEST(PlanAttempts, IsUnavailableWithoutAnyReplica) {
    for (const Route& empty : {route("p", "man"), route("p", "man", {target("base", 1, {})})}) {
        const auto attempts = plan_attempts(empty, "key");
        ASSERT_FALSE(attempts);
        EXPECT_EQ(attempts.error().code, ErrorCode::kUnavailable);
        EXPECT_TRUE(attempts.error().message.contains("'man'"));
    }
}

}  // namespace
}  // namespace capstan::gateway
