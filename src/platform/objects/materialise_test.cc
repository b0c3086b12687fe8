#include "platform/objects/materialise.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/id.h"
#include "platform/objects/disk_object_store.h"

namespace capstan::objects {
namespace {

class MaterialiseTest : public testing::Test {
protected:
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
    std::unique_ptr<DiskObjectStore> store_ =
        DiskObjectStore::open_folder({.folder = folder_ / "objects"}).value();
};

TEST_F(MaterialiseTest, MakesAFolderOfNamedObjects) {
    const auto a = store_->put("alpha");
    const auto b = store_->put("beta");
    ASSERT_TRUE(materialise(*store_, {{"a.txt", a->id}, {"sub/b.txt", b->id}}, folder_ / "v1"));
    EXPECT_EQ(read_file(folder_ / "v1/a.txt").value(), "alpha");
    EXPECT_EQ(read_file(folder_ / "v1/sub/b.txt").value(), "beta");
    ASSERT_TRUE(materialise(*store_, {{"other.txt", a->id}}, folder_ / "v1"));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "v1/other.txt"));
}

TEST_F(MaterialiseTest, LeavesNothingBehindWhenAnObjectIsMissing) {
    const auto a = store_->put("alpha");
    const auto made =
        materialise(*store_, {{"a.txt", a->id}, {"b.txt", std::string(64, '0')}}, folder_ / "m/v1");
    EXPECT_EQ(made.error().code, ErrorCode::kNotFound);
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "m"));
}

TEST_F(MaterialiseTest, RefusesNamesThatLeaveTheFolder) {
    const auto a = store_->put("alpha");
    for (const char* name : {"../a", "/tmp/a", "a/../../b", "", "."}) {
        EXPECT_EQ(materialise(*store_, {{name, a->id}}, folder_ / "v1").error().code, ErrorCode::kInvalid)
            << name;
    }
    EXPECT_EQ(materialise_file(*store_, "../x", folder_, "").error().code, ErrorCode::kInvalid);
}

TEST_F(MaterialiseTest, MakesAFileOnce) {
    const auto a = store_->put("alpha");
    const auto path = materialise_file(*store_, a->id, folder_ / "cache", ".jsonl");
    ASSERT_TRUE(path) << path.error().message;
    ASSERT_TRUE(store_->remove(a->id));
    EXPECT_EQ(materialise_file(*store_, a->id, folder_ / "cache", ".jsonl").value(), *path);
    EXPECT_EQ(read_file(*path).value(), "alpha");
}

}  // namespace
}  // namespace capstan::objects
