#include "curation/curation_job.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/id.h"

namespace capstan::curation {
namespace {

TEST(CurationJob, BuildsShardsThatTheServiceCanStore) {
    const auto folder = std::filesystem::path(testing::TempDir()) / new_id();
    std::string lines;
    for (int i = 0; i < 40; ++i) {
        std::string text = "Page " + std::to_string(i) + " says of topic " + std::to_string(i * 37) + ":";
        for (int word = 0; word < 60; ++word) {
            text += " word" + std::to_string((i * 61 + word * 17) % 997);
        }
        lines += Json::object({{"id", std::to_string(i)}, {"text", text + "."}}).dump() + "\n";
    }
    ASSERT_TRUE(replace_file(folder / "pages.jsonl", lines));
    const JobDirectory directory(folder / "job");
    ASSERT_TRUE(directory.create(Json::object(
        {{"sources",
          Json::array({Json::object({{"type", "path"}, {"path", (folder / "pages.jsonl").string()}})})},
         {"quality", Json::object({{"enabled", false}})}}
    )));
    const auto result = run_curation_job(directory);
    ASSERT_TRUE(result) << result.error().message;
    const auto* train = (*result)["splits"]["train"].as_array();
    ASSERT_TRUE(train != nullptr && !train->empty()) << result->dump();
    for (const Json& shard : *train) {
        const auto path = directory.inside(shard.string_or("path", ""));
        ASSERT_TRUE(path) << path.error().message;
        EXPECT_EQ(sha256_hex(read_file(*path).value()), shard.string_or("sha256", ""));
        EXPECT_GT(shard.int_or("records", 0), 0);
    }
    std::filesystem::remove_all(folder);
}

TEST(CurationJob, SaysWhatIsWrongWithItsSpecification) {
    const auto folder = std::filesystem::path(testing::TempDir()) / new_id();
    EXPECT_EQ(run_curation_job(JobDirectory(folder)).error().code, ErrorCode::kNotFound);
    const JobDirectory directory(folder);
    ASSERT_TRUE(directory.create(Json::object({{"colour", "red"}})));
    EXPECT_EQ(run_curation_job(directory).error().code, ErrorCode::kInvalid);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace capstan::curation
