// Packages read by the tools that others read images with: skopeo and umoci.

#include "serving/model_package.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/id.h"
#include "engine/model/random_model.h"

namespace capstan::serving {
namespace {

class ModelPackageTest : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(engine::write_random_model(folder_ / "tiny", {})); }

    void TearDown() override { std::filesystem::remove_all(folder_); }

    int shell(const std::string& command) const {
        return std::system((command + " >" + (folder_ / "out").string() + " 2>&1").c_str());
    }

    std::string output() const { return read_file(folder_ / "out").value_or(""); }

    std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / new_id();
};

TEST_F(ModelPackageTest, IsAnImageToSkopeo) {
    const auto packed = package_model({.model = folder_ / "tiny", .out = folder_ / "image", .tag = "v1"});
    ASSERT_TRUE(packed) << packed.error().message;
    EXPECT_EQ(packed->name, "tiny");
    ASSERT_EQ(shell("skopeo inspect --config oci:" + (folder_ / "image").string() + ":v1"), 0) << output();
    const Json config = parse_json(output()).value();
    EXPECT_EQ(config.string_or("os", ""), "linux");
    EXPECT_EQ(config["rootfs"]["diff_ids"].as_array()->size(), 2U);
    EXPECT_EQ(config["config"]["Entrypoint"].dump(), R"(["/usr/bin/capstan","engine"])");
    // A copy checks every digest.
    EXPECT_EQ(
        shell(
            "skopeo --insecure-policy copy oci:" + (folder_ / "image").string() +
            ":v1 dir:" + (folder_ / "copy").string()
        ),
        0
    ) << output();
}

TEST_F(ModelPackageTest, UnpackedByUmociItHasTheModelAndAProgramThatRuns) {
    ASSERT_TRUE(package_model({.model = folder_ / "tiny", .out = folder_ / "image"}));
    ASSERT_EQ(
        shell(
            "umoci unpack --rootless --image " + (folder_ / "image").string() + ":latest " +
            (folder_ / "bundle").string()
        ),
        0
    ) << output();
    const auto root = folder_ / "bundle" / "rootfs";
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "tiny")) {
        EXPECT_EQ(
            sha256_hex(read_file(entry.path()).value()),
            sha256_hex(read_file(root / "model" / entry.path().filename()).value_or(""))
        ) << entry.path();
    }
    // With the loader and libraries of the image alone; this program is the test itself.
    const auto loader = root / "lib64" / "ld-linux-x86-64.so.2";
    ASSERT_TRUE(std::filesystem::exists(loader));
    EXPECT_EQ(
        shell(
            loader.string() + " --inhibit-cache --library-path " + (root / "lib/x86_64-linux-gnu").string() +
            " " + (root / "usr/bin/capstan").string() + " --gtest_list_tests"
        ),
        0
    ) << output();
    EXPECT_TRUE(output().contains("ModelPackageTest"));
}

TEST_F(ModelPackageTest, TheSameModelIsTheSameImage) {
    ASSERT_TRUE(package_model({.model = folder_ / "tiny", .out = folder_ / "one"}));
    std::filesystem::last_write_time(
        folder_ / "tiny" / "config.json",
        std::filesystem::file_time_type::clock::now() + std::chrono::hours(1)
    );
    ASSERT_TRUE(package_model({.model = folder_ / "tiny", .out = folder_ / "two"}));
    EXPECT_EQ(
        read_file(folder_ / "one" / "index.json").value(), read_file(folder_ / "two" / "index.json").value()
    );
}

TEST_F(ModelPackageTest, RefusesWhatIsNoModelAndWillNotOverwrite) {
    EXPECT_EQ(
        package_model({.model = folder_ / "none", .out = folder_ / "a"}).error().code, ErrorCode::kNotFound
    );
    std::filesystem::create_directories(folder_ / "empty");
    EXPECT_EQ(
        package_model({.model = folder_ / "empty", .out = folder_ / "b"}).error().code, ErrorCode::kInvalid
    );
    EXPECT_EQ(
        package_model({.model = folder_ / "tiny" / "config.json", .out = folder_ / "c"}).error().code,
        ErrorCode::kInvalid
    );
    EXPECT_EQ(
        package_model({.model = folder_ / "tiny", .out = folder_ / "tiny"}).error().code, ErrorCode::kConflict
    );
    EXPECT_EQ(
        package_model({.model = folder_ / "tiny", .out = folder_ / "d", .tag = "a:b"}).error().code,
        ErrorCode::kInvalid
    );
}

}  // namespace
}  // namespace capstan::serving
