// Engines kept alive, with real processes.

#include "serving/replicas.h"

#include <csignal>

#include <gtest/gtest.h>

#include "engine/model/random_model.h"
#include "platform/objects/disk_object_store.h"
#include "platform/process/process_test_kit.h"

namespace capstan::serving {
namespace {

class ReplicasTest : public testing::Test {
protected:
    void SetUp() override {
        host_ = process::ProcessHost::start({.owner = new_id()}).value();
        objects_ = objects::DiskObjectStore::open_folder({.folder = folder_ / "objects"}).value();
        ASSERT_TRUE(engine::write_random_model(folder_ / "full", {}));
        ASSERT_TRUE(engine::write_random_adapter(folder_ / "adapter", {.seed = 9}, 4));
        replicas_ = std::make_unique<Replicas>(Replicas::Inputs{
            .objects = *objects_,
            .host = *host_,
            .program = std::filesystem::read_symlink("/proc/self/exe"),
            .models_folder = folder_ / "models",
            .run_folder = folder_ / "run",
            .retry_ms = 0,
            .on_change = [this] { ++changes_; }
        });
    }

    void TearDown() override { replicas_.reset(); }

    registry::Version version(const std::string& folder, std::int64_t number) {
        registry::Version made;
        made.id = "version-" + std::to_string(number);
        made.model = "man";
        made.number = number;
        for (const auto& entry : std::filesystem::directory_iterator(folder_ / folder)) {
            const auto bytes = read_file(entry.path()).value();
            made.files.push_back({entry.path().filename(), objects_->put(bytes)->id, std::ssize(bytes)});
        }
        return made;
    }

    ReplicaStatus status(const std::string& target_id) const {
        for (ReplicaStatus& status : replicas_->status()) {
            if (status.target_id == target_id) {
                return status;
            }
        }
        return {};
    }

    bool becomes_healthy(const std::string& target_id) {
        return process::eventually([&] { return status(target_id).is_healthy; });
    }

    int models_served(const std::string& target_id) {
        const auto response = client_.get(status(target_id).url + "/v1/models");
        const auto body = response ? parse_json(response->body) : Result<Json>(response.error());
        return body && (*body)["data"].as_array() != nullptr
                   ? static_cast<int>((*body)["data"].as_array()->size())
                   : 0;
    }

    const process::TestFolder folder_;
    std::atomic<int> changes_ = 0;
    http::Client client_;
    std::unique_ptr<process::ProcessHost> host_;
    std::unique_ptr<objects::DiskObjectStore> objects_;
    std::unique_ptr<Replicas> replicas_;
};

TEST_F(ReplicasTest, StartsWhatIsWantedAndStopsWhatIsNot) {
    const auto base = version("full", 1);
    const auto adapted = version("adapter", 2);
    replicas_->keep({{"t1.v.0", "t1", base, {}}, {"t2.v.0", "t2", adapted, base}});
    ASSERT_TRUE(becomes_healthy("t1") && becomes_healthy("t2"))
        << status("t1").reason << status("t2").reason << folder_.read("run/t2.log");
    EXPECT_EQ(status("t1").model, "man/1");
    EXPECT_EQ(status("t2").model, "man/2");
    EXPECT_NE(status("t1").url, status("t2").url);
    EXPECT_EQ(models_served("t1"), 1);
    EXPECT_EQ(models_served("t2"), 2) << "the adapter and its base";
    EXPECT_GE(changes_, 2);
    const int pid = status("t1").pid;
    replicas_->keep({{"t1.v.0", "t1", base, {}}});
    EXPECT_EQ(replicas_->status().size(), 1U);
    EXPECT_EQ(status("t1").pid, pid) << "what is wanted still runs undisturbed";
    replicas_->keep({});
    EXPECT_TRUE(replicas_->status().empty());
    EXPECT_TRUE(process::eventually([&] { return ::kill(pid, 0) != 0; }));
}

TEST_F(ReplicasTest, StartsAKilledEngineAgainAndFollowsItsPort) {
    replicas_->keep({{"t1.v.0", "t1", version("full", 1), {}}});
    ASSERT_TRUE(becomes_healthy("t1")) << status("t1").reason;
    const int pid = status("t1").pid;
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(process::eventually([&] {
        const auto now = status("t1");
        return now.is_healthy && now.pid != pid;
    })) << status("t1").reason;
    EXPECT_EQ(status("t1").restarts, 1);
    EXPECT_EQ(models_served("t1"), 1) << "at " << status("t1").url;
}

TEST_F(ReplicasTest, AnEngineRoundsItsWeightsAsItsSpecSays) {
    replicas_->keep({{"t1.v.int8.0", "t1", version("full", 1), {}, "int8"}});
    ASSERT_TRUE(becomes_healthy("t1")) << status("t1").reason << folder_.read("run/t1.v.int8.0.log");
    EXPECT_EQ(status("t1").variant, "version-1.int8");
    EXPECT_EQ(status("t1").version_id, "version-1");
    EXPECT_GT(status("t1").bytes, 0);
    const auto command = read_file("/proc/" + std::to_string(status("t1").pid) + "/cmdline");
    EXPECT_TRUE(command && command->contains(std::string("--quantize\0int8\0", 16)));
}

TEST_F(ReplicasTest, SaysWhyATargetCannotBeStartedAndTriesAgainWhenAsked) {
    auto missing = version("full", 1);
    const std::string right = missing.files.front().object;
    missing.files.front().object = std::string(64, '0');
    replicas_->keep({{"t1.v.0", "t1", missing, {}}});
    EXPECT_EQ(status("t1").state, "failed");
    EXPECT_TRUE(status("t1").reason.contains("man/1")) << status("t1").reason;
    missing.files.front().object = right;
    replicas_->keep({{"t1.v.0", "t1", missing, {}}});
    EXPECT_TRUE(becomes_healthy("t1")) << status("t1").reason;
}

}  // namespace
}  // namespace capstan::serving
