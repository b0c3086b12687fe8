#include "registry/model_service.h"

#include <memory>

#include <gtest/gtest.h>

#include "platform/sql/test_database.h"
#include "registry/room.h"

namespace capstan::registry {
namespace {

class ModelServiceTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        migrate(migrations());
        service_ = std::make_unique<ModelService>(ModelService::Inputs{
            .database = database(),
            .next_id = [this] { return "id-" + std::to_string(++last_id_); },
            .now_ms = [] { return std::int64_t{1}; },
        });
    }

    static NewVersion full(std::string run_id) {
        return {
            .project_id = "p",
            .model = "man",
            .run_id = std::move(run_id),
            .parameters = 7,
            .files = {{"config.json", "abc", 3}, {"model.safetensors", "def", 9}},
        };
    }

    int last_id_ = 100;
    std::unique_ptr<ModelService> service_;
};

INSTANTIATE_TEST_SUITE_P(Databases, ModelServiceTest, sql::both_dialects(), sql::dialect_name);

TEST_P(ModelServiceTest, NumbersVersionsFromOneAndKeepsTheirFiles) {
    const auto first = service_->register_version(full("run-1"));
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->number, 1);
    EXPECT_EQ(service_->register_version(full("run-2"))->number, 2);
    const auto found = service_->version_by_number("p", "man", 1);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->files.size(), 2U);
    EXPECT_EQ(found->files[1].object, "def");
    EXPECT_EQ(service_->get("p", "man")->latest->number, 2);
    EXPECT_EQ(service_->versions("p", "man", 2, 10)->front().number, 1);
}

TEST_P(ModelServiceTest, RegistersARunOnce) {
    const auto first = service_->register_version(full("run-1"));
    EXPECT_EQ(service_->register_version(full("run-1"))->id, first->id);
}

TEST_P(ModelServiceTest, WantsABaseForAnAdapterAndOnlyThere) {
    NewVersion adapter = full("run-2");
    adapter.kind = VersionKind::kAdapter;
    EXPECT_EQ(service_->register_version(adapter).error().code, ErrorCode::kInvalid);
    adapter.base_version_id = "nine";
    EXPECT_EQ(service_->register_version(adapter).error().message, "no model version nine");
    adapter.base_version_id = service_->register_version(full("run-1"))->id;
    EXPECT_EQ(service_->register_version(adapter)->number, 2);
    NewVersion odd = full("run-3");
    odd.base_version_id = adapter.base_version_id;
    EXPECT_EQ(service_->register_version(odd).error().code, ErrorCode::kInvalid);
}

TEST_P(ModelServiceTest, RefusesBadNamesAndEmptyVersions) {
    for (const char* name : {"", "a b", "../x", "é"}) {
        NewVersion bad = full("run-1");
        bad.model = name;
        EXPECT_EQ(service_->register_version(bad).error().code, ErrorCode::kInvalid) << name;
    }
    NewVersion empty = full("run-1");
    empty.files.clear();
    EXPECT_EQ(service_->register_version(empty).error().code, ErrorCode::kInvalid);
    EXPECT_TRUE(service_->list("p", "", 10)->empty());
}

TEST_P(ModelServiceTest, MovesAnAliasOnlyToVersionsThatExist) {
    ASSERT_TRUE(service_->register_version(full("run-1")));
    ASSERT_TRUE(service_->register_version(full("run-2")));
    ASSERT_TRUE(service_->set_alias("p", {"man", "champion", 1}));
    ASSERT_TRUE(service_->set_alias("p", {"man", "champion", 2}));
    EXPECT_EQ(service_->get("p", "man")->aliases.at("champion"), 2);
    EXPECT_EQ(service_->set_alias("p", {"man", "champion", 3}).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(service_->set_alias("q", {"man", "champion", 1}).error().code, ErrorCode::kNotFound);
}

TEST_P(ModelServiceTest, MergesScoresAndChangesTheStatus) {
    const auto version = service_->register_version(full("run-1"));
    ASSERT_TRUE(service_->assess("p", version->id, {.scores = Json::object({{"perplexity", 9.5}})}));
    ASSERT_TRUE(service_->assess(
        "p", version->id, {.scores = Json::object({{"rouge_l", 0.25}}), .status = VersionStatus::kApproved}
    ));
    const auto found = service_->version("p", version->id);
    EXPECT_EQ(found->scores.double_or("perplexity", 0), 9.5);
    EXPECT_EQ(found->scores.double_or("rouge_l", 0), 0.25);
    EXPECT_EQ(found->status, VersionStatus::kApproved);
    EXPECT_EQ(service_->version("q", version->id).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace capstan::registry
