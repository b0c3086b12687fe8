#include "trainer/checkpoint_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/id.h"

namespace capstan::trainer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

namespace fs = std::filesystem;

class CheckpointStoreTest : public testing::Test {
protected:
    fs::path folder_ = fs::path(testing::TempDir()) / new_id();
    CheckpointStore store_{folder_, 2};

    void save(std::int64_t step) {
        const auto saved = store_.save(step, [&](const fs::path& folder) -> Result<CheckpointStore::Files> {
            const auto content = "weights of " + std::to_string(step);
            EXPECT_TRUE(replace_file(folder / "weights", content));
            return CheckpointStore::Files{{"weights", sha256_hex(content)}};
        });
        ASSERT_TRUE(saved) << saved.error().message;
    }

    CheckpointSearch search() {
        auto found = store_.newest([](const fs::path&) { return Result<void>(); });
        EXPECT_TRUE(found);
        return std::move(*found);
    }

    std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(folder_)) {
            names.push_back(entry.path().filename());
        }
        std::ranges::sort(names);
        return names;
    }
};

TEST_F(CheckpointStoreTest, FindsNothingWhereThereIsNothing) {
    EXPECT_FALSE(search().step);
}

TEST_F(CheckpointStoreTest, FindsTheNewestAndKeepsTheLastTwo) {
    for (const std::int64_t step : {5, 10, 100}) {
        save(step);
    }
    EXPECT_EQ(search().step, 100);
    EXPECT_THAT(names(), ElementsAre("step-000000010", "step-000000100"));
}

TEST_F(CheckpointStoreTest, ReplacesACheckpointOfTheSameStep) {
    save(5);
    save(5);
    EXPECT_EQ(search().step, 5);
}

TEST_F(CheckpointStoreTest, SkipsWhatIsIncompleteOrCorruptAndSaysWhy) {
    save(1);
    const fs::path newest = folder_ / "step-000000002";

    struct Damage {
        std::string file;
        std::string content;
        std::string reason;
    };

    for (const auto& [file, content, reason] : {
             Damage{"COMPLETE", "", "COMPLETE"},
             Damage{"MANIFEST.json", "", "MANIFEST.json"},
             Damage{"MANIFEST.json", "{}", "MANIFEST.json"},
             Damage{"weights", "weights of 3", "SHA-256"},
             Damage{"weights", "weights", "7 bytes"},
             Damage{"weights", "", "weights"},
         }) {
        save(2);
        ASSERT_TRUE(content.empty() ? remove_tree(newest / file) : replace_file(newest / file, content));
        const auto found = search();
        EXPECT_EQ(found.step, 1) << file;
        ASSERT_EQ(found.skipped.size(), 1U);
        EXPECT_EQ(found.skipped[0].name, "step-000000002");
        EXPECT_THAT(found.skipped[0].reason, HasSubstr(reason));
    }
}

TEST_F(CheckpointStoreTest, SkipsAManifestThatNamesFilesElsewhere) {
    save(1);
    save(2);
    const std::string manifest = R"({"files":{"../step-000000001/weights":{"bytes":12,"sha256":""}}})";
    ASSERT_TRUE(replace_file(folder_ / "step-000000002/MANIFEST.json", manifest));
    ASSERT_TRUE(replace_file(folder_ / "step-000000002/COMPLETE", sha256_hex(manifest)));
    const auto found = search();
    EXPECT_EQ(found.step, 1);
    EXPECT_THAT(found.skipped.at(0).reason, HasSubstr("elsewhere"));
}

TEST_F(CheckpointStoreTest, SkipsWhatTheCallerDoesNotAccept) {
    save(1);
    save(2);
    const auto found = store_.newest([](const fs::path& folder) -> Result<void> {
        if (folder.filename() == "step-000000002") {
            return Error{ErrorCode::kConflict, "of another model"};
        }
        return {};
    });
    EXPECT_EQ(found->step, 1);
    EXPECT_EQ(found->skipped.at(0).reason, "of another model");
}

TEST_F(CheckpointStoreTest, RemovesTheRemainsOfCrashesButNothingElse) {
    save(1);
    ASSERT_TRUE(replace_file(folder_ / "tmp-000000002/weights", "half"));
    ASSERT_TRUE(replace_file(folder_ / "step-000000003/weights", "unmarked"));
    ASSERT_TRUE(replace_file(folder_ / "step-x/notes", "mine"));
    EXPECT_EQ(search().step, 1);
    save(4);
    EXPECT_THAT(names(), ElementsAre("step-000000001", "step-000000004", "step-x"));
}

TEST_F(CheckpointStoreTest, LeavesTheOldOneWhenTheNewOneCannotBeWritten) {
    save(1);
    const auto saved = store_.save(2, [](const fs::path&) -> Result<CheckpointStore::Files> {
        return Error{ErrorCode::kExhausted, "the disk is full"};
    });
    EXPECT_FALSE(saved);
    EXPECT_EQ(search().step, 1);
}

}  // namespace
}  // namespace capstan::trainer
