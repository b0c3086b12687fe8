#include "lineage/lineage_service.h"

#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

#include "lineage/room.h"
#include "platform/sql/test_database.h"

namespace capstan::lineage {
namespace {

class LineageServiceTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        migrate(migrations());
        service_ = std::make_unique<LineageService>(
            LineageService::Inputs{.database = database(), .now_ms = [] { return std::int64_t{1}; }}
        );
    }

    // a run trained on a commit, which was curated from two sources; a version made by the run.
    void add_chain() {
        ASSERT_TRUE(service_->add(
            "p",
            {.nodes =
                 {{"version:1", "man v1", "/models/man", {}},
                  {"run:1", "pretrain", "", {}},
                  {"commit:1", "pages", "", {}}},
             .edges =
                 {{"version:1", "run:1", "produced_by"},
                  {"run:1", "commit:1", "trained_on"},
                  {"commit:1", "source:a", "curated_from"},
                  {"commit:1", "source:b", "curated_from"}}}
        ));
    }

    static std::vector<std::string> names(const Graph& graph) {
        std::vector<std::string> found;
        for (const Node& node : graph.nodes) {
            found.push_back(node.name);
        }
        std::ranges::sort(found);
        return found;
    }

    std::unique_ptr<LineageService> service_;
};

INSTANTIATE_TEST_SUITE_P(Databases, LineageServiceTest, sql::both_dialects(), sql::dialect_name);

TEST_P(LineageServiceTest, WalksUpToEverySource) {
    add_chain();
    const auto graph = service_->walk("p", {.root = "version:1"});
    ASSERT_TRUE(graph) << graph.error().message;
    EXPECT_EQ(
        names(*graph), (std::vector<std::string>{"commit:1", "run:1", "source:a", "source:b", "version:1"})
    );
    EXPECT_EQ(graph->edges.size(), 4U);
    EXPECT_FALSE(graph->is_cut);
}

TEST_P(LineageServiceTest, WalksDownToWhatCameOfASource) {
    add_chain();
    const auto graph = service_->walk("p", {.root = "source:a", .direction = Direction::kDown});
    EXPECT_EQ(names(*graph), (std::vector<std::string>{"commit:1", "run:1", "source:a", "version:1"}));
}

TEST_P(LineageServiceTest, StopsAtTheDepthAndSaysSo) {
    add_chain();
    const auto graph = service_->walk("p", {.root = "version:1", .depth_max = 1});
    EXPECT_EQ(names(*graph), (std::vector<std::string>{"run:1", "version:1"}));
    EXPECT_TRUE(graph->is_cut);
}

TEST_P(LineageServiceTest, EndsOnACycle) {
    ASSERT_TRUE(service_->add("p", {.edges = {{"a:1", "a:2", "x"}, {"a:2", "a:1", "x"}}}));
    EXPECT_EQ(service_->walk("p", {.root = "a:1", .direction = Direction::kBoth})->nodes.size(), 2U);
}

TEST_P(LineageServiceTest, AddingTwiceChangesNothingButLabels) {
    add_chain();
    add_chain();
    ASSERT_TRUE(service_->add("p", {.nodes = {{"run:1", "renamed", "", {}}}}));
    const auto graph = service_->walk("p", {.root = "run:1"});
    EXPECT_EQ(graph->nodes.front().label, "renamed");
    EXPECT_EQ(graph->edges.size(), 3U);
}

TEST_P(LineageServiceTest, AsksTheExpanderForKindsWithoutRows) {
    add_chain();
    service_->expand_with("response", [](std::string_view, std::string_view name) -> Result<Expansion> {
        if (name != "response:r1") {
            return Error{ErrorCode::kNotFound, "no response"};
        }
        return Expansion{
            .nodes = {{"response:r1", "an answer", "", {}}},
            .edges = {{"response:r1", "version:1", "answered_by"}}
        };
    });
    const auto graph = service_->walk("p", {.root = "response:r1"});
    ASSERT_TRUE(graph) << graph.error().message;
    EXPECT_EQ(graph->nodes.size(), 6U);
    EXPECT_EQ(service_->walk("p", {.root = "response:r2"}).error().code, ErrorCode::kNotFound);
}

TEST_P(LineageServiceTest, TakesMoreThanOneStepFromAnExpander) {
    service_->expand_with("response", [](std::string_view, std::string_view) -> Result<Expansion> {
        return Expansion{
            .nodes = {{"response:r1", "an answer", "", {}}, {"record:a", "a record", "", {}}},
            .edges = {{"response:r1", "record:a", "closest"}, {"record:a", "source:page", "derived_from"}}
        };
    });
    const auto graph = service_->walk("p", {.root = "response:r1"});
    ASSERT_TRUE(graph) << graph.error().message;
    EXPECT_EQ(names(*graph), (std::vector<std::string>{"record:a", "response:r1", "source:page"}));
    EXPECT_EQ(graph->edges.size(), 2U);
    EXPECT_EQ(service_->walk("p", {.root = "response:r1", .depth_max = 1})->edges.size(), 1U);
}

TEST_P(LineageServiceTest, KeepsProjectsApartAndRefusesWhatIsNoNode) {
    add_chain();
    EXPECT_EQ(service_->walk("q", {.root = "run:1"}).error().code, ErrorCode::kNotFound);
    for (const char* root : {"", "run", "run:", ":1", "RUN:1", "a b:1"}) {
        EXPECT_EQ(service_->walk("p", {.root = root}).error().code, ErrorCode::kInvalid) << root;
    }
    EXPECT_EQ(service_->walk("p", {.root = "run:1", .depth_max = 33}).error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace capstan::lineage
