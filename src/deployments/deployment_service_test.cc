#include "deployments/deployment_service.h"

#include <memory>

#include <gtest/gtest.h>

#include "deployments/room.h"
#include "deployments/split.h"
#include "platform/sql/test_database.h"

namespace capstan::deployments {
namespace {

class DeploymentServiceTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        migrate(migrations());
        service_ = std::make_unique<DeploymentService>(DeploymentService::Inputs{
            .database = database(), .next_id = new_id, .now_ms = [] { return std::int64_t{1}; }
        });
        service_->on_change([this] { ++changes_; });
    }

    static NewDeployment two_targets() {
        return {
            .project_id = "p",
            .name = "man",
            .targets =
                {{.label = "base", .version_id = "v1", .weight = 90},
                 {.label = "adapted", .version_id = "v2", .weight = 10}},
            .by = "admin",
        };
    }

    std::int64_t weight(std::string_view label) {
        const auto deployment = service_->get("p", "man");
        for (const Target& target : deployment->targets) {
            if (target.label == label) {
                return target.weight;
            }
        }
        return -1;
    }

    int changes_ = 0;
    std::unique_ptr<DeploymentService> service_;
};

INSTANTIATE_TEST_SUITE_P(Databases, DeploymentServiceTest, sql::both_dialects(), sql::dialect_name);

TEST_P(DeploymentServiceTest, CreatesOnceAndRefusesTheNameForOtherTargets) {
    const auto made = service_->create(two_targets());
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->targets.size(), 2U);
    EXPECT_EQ(made->state, DeploymentState::kStarting);
    EXPECT_EQ(service_->create(two_targets())->id, made->id);
    NewDeployment other = two_targets();
    other.targets[0].version_id = "v9";
    EXPECT_EQ(service_->create(other).error().code, ErrorCode::kConflict);
    EXPECT_EQ(service_->get("q", "man").error().code, ErrorCode::kNotFound);
}

TEST_P(DeploymentServiceTest, RefusesBadNamesLabelsAndWeights) {
    for (auto spoil : std::vector<std::function<void(NewDeployment&)>>{
             [](NewDeployment& asked) { asked.name = "a b"; },
             [](NewDeployment& asked) { asked.targets.clear(); },
             [](NewDeployment& asked) { asked.targets[1].label = "base"; },
             [](NewDeployment& asked) { asked.targets[1].weight = -1; },
             [](NewDeployment& asked) { asked.targets[0].weight = asked.targets[1].weight = 0; },
             [](NewDeployment& asked) { asked.targets.resize(9, asked.targets[0]); },
         }) {
        NewDeployment asked = two_targets();
        spoil(asked);
        EXPECT_EQ(service_->create(asked).error().code, ErrorCode::kInvalid);
    }
    EXPECT_EQ(changes_, 0);
}

TEST_P(DeploymentServiceTest, ScalesATargetWithinLimits) {
    ASSERT_TRUE(service_->create(two_targets()));
    const auto scaled = service_->scale(
        "p", {.name = "man", .label = "adapted", .replicas_min = 0, .replicas_max = 3, .by = "ann"}
    );
    ASSERT_TRUE(scaled) << scaled.error().message;
    EXPECT_EQ(scaled->targets[0].replicas_max, 1);
    EXPECT_EQ(scaled->targets[1].replicas_min, 0);
    EXPECT_EQ(scaled->targets[1].replicas_max, 3);
    EXPECT_EQ(scaled->history.front().what, "replicas of adapted: 0 to 3");
    EXPECT_EQ(changes_, 2);
    for (const auto& [least, most] : std::vector<std::pair<int, int>>{{-1, 1}, {0, 0}, {3, 2}, {1, 65}}) {
        const auto refused = service_->scale(
            "p", {.name = "man", .label = "base", .replicas_min = least, .replicas_max = most, .by = "ann"}
        );
        EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
    }
    EXPECT_EQ(
        service_->scale("p", {.name = "man", .label = "x", .by = "ann"}).error().code, ErrorCode::kNotFound
    );
}

TEST_P(DeploymentServiceTest, PutsAnotherVersionBehindALabel) {
    ASSERT_TRUE(service_->create(two_targets()));
    const auto updated = service_->update(
        "p",
        {.name = "man",
         .label = "base",
         .version = Target{.version_id = "v7", .model = "man", .number = 7},
         .quantize = {},
         .by = "ann"}
    );
    ASSERT_TRUE(updated) << updated.error().message;
    EXPECT_EQ(updated->targets[0].version_id, "v7");
    EXPECT_EQ(updated->targets[0].number, 7);
    EXPECT_EQ(updated->targets[0].weight, 90);
    EXPECT_EQ(updated->targets[1].version_id, "v2");
    EXPECT_TRUE(updated->history.front().what.starts_with("base: man/7 in place of"))
        << updated->history.front().what;
    EXPECT_EQ(
        service_->update("p", {.name = "man", .label = "base", .by = "ann"}).error().code, ErrorCode::kInvalid
    );
}

TEST_P(DeploymentServiceTest, ChangesWhatATargetsWeightsAreRoundedTo) {
    NewDeployment asked = two_targets();
    asked.targets[1].quantize = Quantize::kInt8;
    const auto made = service_->create(asked);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->targets[0].quantize, Quantize::kNone);
    EXPECT_EQ(made->targets[1].quantize, Quantize::kInt8);
    EXPECT_EQ(service_->create(two_targets()).error().code, ErrorCode::kConflict) << "other engines";
    const auto rounded = service_->update(
        "p", {.name = "man", .label = "base", .version = {}, .quantize = Quantize::kInt4, .by = "ann"}
    );
    ASSERT_TRUE(rounded) << rounded.error().message;
    EXPECT_EQ(rounded->targets[0].quantize, Quantize::kInt4);
    EXPECT_EQ(rounded->targets[0].version_id, "v1") << "the version stays";
    EXPECT_TRUE(rounded->history.front().what.contains(" in int4 in place of "))
        << rounded->history.front().what;
    const auto updated = service_->update(
        "p",
        {.name = "man",
         .label = "base",
         .version = Target{.version_id = "v7", .model = "man", .number = 7},
         .quantize = {},
         .by = "ann"}
    );
    ASSERT_TRUE(updated) << updated.error().message;
    EXPECT_EQ(updated->targets[0].quantize, Quantize::kInt4) << "what is not named stays";
    EXPECT_EQ(service_->get("p", "man")->targets[0].quantize, Quantize::kInt4);
    EXPECT_EQ(service_->get("p", "man")->targets[1].quantize, Quantize::kInt8);
}

TEST(Quantize, IsReadByItsName) {
    for (const Quantize one : {Quantize::kNone, Quantize::kInt8, Quantize::kInt4}) {
        EXPECT_EQ(*parse_quantize(name_of(one)), one);
    }
    for (const std::string_view wrong : {"", "int3", "INT8", "q4_k"}) {
        EXPECT_EQ(parse_quantize(wrong).error().code, ErrorCode::kInvalid) << wrong;
    }
}

TEST_P(DeploymentServiceTest, ChangesTheSplitAndTellsOfIt) {
    ASSERT_TRUE(service_->create(two_targets()));
    ASSERT_TRUE(service_->set_split("p", {.name = "man", .weights = {{"adapted", 50}}, .by = "eve"}));
    EXPECT_EQ(weight("base"), 90);
    EXPECT_EQ(weight("adapted"), 50);
    EXPECT_EQ(changes_, 2);
    EXPECT_EQ(service_->get("p", "man")->history.front().changed_by, "eve");
    EXPECT_EQ(
        service_->set_split("p", {.name = "man", .weights = {{"x", 1}}}).error().code, ErrorCode::kNotFound
    );
    EXPECT_EQ(
        service_->set_split("p", {.name = "man", .weights = {{"base", 0}, {"adapted", 0}}}).error().code,
        ErrorCode::kInvalid
    );
    EXPECT_EQ(weight("base"), 90);
}

TEST_P(DeploymentServiceTest, PromotesRollsBackAndKeeps) {
    ASSERT_TRUE(service_->create(two_targets()));
    const auto decide = [&](Outcome outcome) {
        return service_->decide(
            "p",
            {.name = "man",
             .label = "adapted",
             .outcome = outcome,
             .reason = "because",
             .evidence = Json::object({{"p_value", 0.01}}),
             .by = "admin"}
        );
    };
    ASSERT_TRUE(decide(Outcome::kKeep));
    EXPECT_EQ(weight("adapted"), 10);
    ASSERT_TRUE(decide(Outcome::kPromote));
    EXPECT_EQ(weight("adapted"), 100);
    EXPECT_EQ(weight("base"), 0);
    const auto rolled_back = decide(Outcome::kRollBack);
    EXPECT_EQ(weight("adapted"), 0);
    EXPECT_EQ(weight("base"), 100);
    ASSERT_TRUE(rolled_back->decision);
    EXPECT_EQ(rolled_back->decision->outcome, Outcome::kRollBack);
    EXPECT_EQ(rolled_back->decision->evidence.double_or("p_value", 0), 0.01);
    EXPECT_EQ(rolled_back->history.size(), 4U);
}

TEST_P(DeploymentServiceTest, StaysStopped) {
    ASSERT_TRUE(service_->create(two_targets()));
    ASSERT_TRUE(service_->report_state("p", "man", DeploymentState::kReady));
    EXPECT_EQ(service_->get("p", "man")->state, DeploymentState::kReady);
    ASSERT_TRUE(service_->stop("p", "man", "admin"));
    ASSERT_TRUE(service_->report_state("p", "man", DeploymentState::kReady));
    EXPECT_EQ(service_->get("p", "man")->state, DeploymentState::kStopped);
}

std::vector<Target> targets(std::int64_t a, std::int64_t b) {
    return {{.id = "a", .label = "a", .weight = a}, {.id = "b", .label = "b", .weight = b}};
}

TEST(Split, SharesKeysByWeight) {
    int to_b = 0;
    for (int i = 0; i < 20'000; ++i) {
        to_b += choose_target(targets(90, 10), "user-" + std::to_string(i)) == 1U ? 1 : 0;
    }
    EXPECT_NEAR(to_b, 2000, 170);  // Four standard deviations of a binomial with n = 20,000 and p = 0.1.
}

TEST(Split, SticksAndMovesKeysOnlyTowardsTheHeavierTarget) {
    int moved = 0;
    for (int i = 0; i < 5000; ++i) {
        const std::string key = "user-" + std::to_string(i);
        const auto before = choose_target(targets(90, 10), key);
        EXPECT_EQ(before, choose_target(targets(90, 10), key));
        const auto after = choose_target(targets(80, 20), key);
        moved += before != after ? 1 : 0;
        EXPECT_FALSE(before == 1U && after == 0U);
    }
    EXPECT_NEAR(moved, 500, 120);
}

TEST(Split, GivesNothingToTargetsWithoutWeight) {
    EXPECT_EQ(choose_target(targets(0, 5), "x"), 1U);
    EXPECT_EQ(choose_target(targets(0, 0), "x"), std::nullopt);
    EXPECT_EQ(choose_target({}, "x"), std::nullopt);
}

}  // namespace
}  // namespace capstan::deployments
