#include "data/dataset_service.h"

#include <memory>

#include <gtest/gtest.h>

#include "data/room.h"
#include "platform/objects/disk_object_store.h"
#include "platform/sql/test_database.h"

namespace capstan::data {
namespace {

class DatasetServiceTest : public sql::DatabaseTest {
protected:
    void SetUp() override {
        DatabaseTest::SetUp();
        migrate(migrations());
        service_ = std::make_unique<DatasetService>(DatasetService::Inputs{
            .database = database(),
            .objects = *objects_,
            .next_id = [this] { return "id-" + std::to_string(++last_id_); },
            .now_ms = [] { return std::int64_t{1}; },
        });
    }

    Shard shard(const std::vector<std::string>& texts) {
        std::string lines;
        for (const auto& text : texts) {
            lines += Json::object({{"id", text}, {"text", text}}).dump() + "\n";
        }
        const auto stored = objects_->put(lines);
        return {stored->id, std::ssize(texts), std::ssize(lines)};
    }

    Result<Commit> commit(std::string key, std::vector<Shard> train) {
        return service_->commit(
            {.project_id = "p",
             .dataset = "pages",
             .kind = "text",
             .description = "",
             .message = "m",
             .source_key = std::move(key),
             .manifest =
                 {.splits = {{"train", std::move(train)}, {"heldout", {}}},
                  .report = Json::object({{"kept", 3}})},
             .manifest_object = ""}
        );
    }

    int last_id_ = 100;
    std::unique_ptr<objects::ObjectStore> objects_ =
        objects::DiskObjectStore::open_folder({.folder = testing::TempDir() + new_id()}).value();
    std::unique_ptr<DatasetService> service_;
};

INSTANTIATE_TEST_SUITE_P(Databases, DatasetServiceTest, sql::both_dialects(), sql::dialect_name);

TEST_P(DatasetServiceTest, CommitsAndReadsBackTheManifest) {
    const auto made = commit("job-1", {shard({"a", "b"}), shard({"c"})});
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->records, 3);
    const auto detail = service_->commit_detail("p", made->id);
    ASSERT_TRUE(detail) << detail.error().message;
    EXPECT_EQ(detail->dataset.name, "pages");
    EXPECT_EQ(detail->manifest.splits[0].records(), 3);
    EXPECT_EQ(detail->manifest.report.int_or("kept", 0), 3);
}

TEST_P(DatasetServiceTest, CommitsTheSameSourceOnceAndChainsTheRest) {
    const auto first = commit("job-1", {shard({"a"})});
    EXPECT_EQ(commit("job-1", {shard({"other"})})->id, first->id);
    const auto second = commit("job-2", {shard({"b"})});
    EXPECT_EQ(second->parent_id, first->id);
    EXPECT_EQ(service_->commits("p", first->dataset_id, "", 10)->size(), 2U);
    EXPECT_EQ(service_->get("p", first->dataset_id)->latest->id, second->id);
}

TEST_P(DatasetServiceTest, PagesSamplesAcrossShards) {
    const auto made = commit("job-1", {shard({"a", "b"}), shard({"c", "d"})});
    const auto samples = service_->samples("p", made->id, {.split = "train", .offset = 1, .limit = 2});
    ASSERT_TRUE(samples) << samples.error().message;
    EXPECT_EQ(samples->total, 4);
    ASSERT_EQ(samples->records.size(), 2U);
    EXPECT_EQ(samples->records[0].string_or("id", ""), "b");
    EXPECT_EQ(samples->records[1].string_or("id", ""), "c");
    EXPECT_TRUE(service_->samples("p", made->id, {.offset = 4})->records.empty());
    EXPECT_EQ(service_->samples("p", made->id, {.split = "test"}).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(service_->samples("p", made->id, {.limit = 201}).error().code, ErrorCode::kInvalid);
}

TEST_P(DatasetServiceTest, HidesOtherProjectsAndRefusesAnotherKind) {
    const auto made = commit("job-1", {shard({"a"})});
    EXPECT_EQ(service_->commit_detail("q", made->id).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(service_->get("q", made->dataset_id).error().code, ErrorCode::kNotFound);
    EXPECT_TRUE(service_->list("q", "", 10)->empty());
    const auto wrong =
        service_->commit({.project_id = "p", .dataset = "pages", .kind = "pairs", .source_key = "x"});
    EXPECT_EQ(wrong.error().code, ErrorCode::kConflict);
}

TEST_P(DatasetServiceTest, VisitsRecordsInOrderUntilToldToStop) {
    const auto made = commit("job-1", {shard({"a", "b"}), shard({"c"})});
    const auto detail = service_->commit_detail("p", made->id);
    std::string seen;
    ASSERT_TRUE(service_->each_record(detail->manifest, "train", [&](const Json& record) {
        seen += record.string_or("id", "");
        return seen.size() < 2;
    }));
    EXPECT_EQ(seen, "ab");
}

}  // namespace
}  // namespace capstan::data
