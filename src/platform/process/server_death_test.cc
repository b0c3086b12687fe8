// What becomes of a family of processes when their server is killed.

#include <csignal>

#include <gtest/gtest.h>

#include "platform/process/process_host.h"
#include "platform/process/process_test_kit.h"

namespace capstan::process {
namespace {

// Not a test: what the tests below start and kill.
TEST(ProcessHelper, DISABLED_HoldsAFamily) {
    auto host = ProcessHost::start({.owner = variable("HELPER_OWNER")});
    ASSERT_TRUE(host);
    ProcessSpec spec{
        .argv =
            {"sh",
             "-c",
             "trap '' TERM; sh -c 'echo $$ > $F/one; exec sleep 1000' &"
             "setsid sh -c 'echo $$ > $F/two; exec sleep 1000' &"
             "(setsid sh -c 'echo $$ > $F/three; exec sleep 1000' &) ;"
             "echo $$ > $F/pid; while :; do sleep 0.01; done"}
    };
    spec.environment = {{"F", variable("F")}};
    const auto process = (*host)->launch(spec);
    ASSERT_TRUE(process);
    ASSERT_TRUE(replace_file(variable("F") + "/keeper", std::to_string((*host)->keeper_pid()) + "\n"));
    process->wait(600'000);
}

class ServerDeathTest : public testing::Test {
protected:
    std::vector<ProcessIdentity> family() const {
        std::vector<ProcessIdentity> all;
        for (const char* name : {"one", "two", "three", "pid", "keeper"}) {
            all.push_back(folder_.process(name));
            EXPECT_TRUE(is_running(all.back())) << name;
        }
        return all;
    }

    const TestFolder folder_;
    const std::string owner_ = new_id();
    HelperProcess helper_{
        "ProcessHelper.DISABLED_HoldsAFamily", {{"HELPER_OWNER", owner_}, {"F", folder_.path().string()}}
    };
};

TEST_F(ServerDeathTest, AKilledServerTakesTheWholeFamilyWithIt) {
    const auto all = family();
    helper_.kill();
    for (const ProcessIdentity& each : all) {
        EXPECT_TRUE(eventually([&] { return !is_running(each); })) << each.pid;
    }
}

TEST_F(ServerDeathTest, TheNextServerKillsWhatIsLeftWhenTheKeeperDiedToo) {
    const auto all = family();
    ASSERT_TRUE(signal_process(all.back(), SIGKILL));
    EXPECT_TRUE(eventually([&] { return !is_running(all.back()); }));
    helper_.kill();
    EXPECT_TRUE(eventually([&] { return !is_running(all[3]); }));  // The kernel's part: the child itself.
    EXPECT_TRUE(is_running(all[0]) && is_running(all[1]) && is_running(all[2]));
    const auto other = ProcessHost::start({.owner = owner_ + "x"});  // Somebody else's are left alone.
    ASSERT_TRUE(other);
    EXPECT_TRUE(is_running(all[0]));
    const auto next = ProcessHost::start({.owner = owner_});
    ASSERT_TRUE(next);
    for (const ProcessIdentity& each : all) {
        EXPECT_TRUE(eventually([&] { return !is_running(each); })) << each.pid;
    }
}

// The keeper of a killed server may still be at work when the next server starts: here it is held until then.
TEST_F(ServerDeathTest, AKeeperLeavesTheNextServersChildrenAlone) {
    const auto all = family();
    const ProcessIdentity keeper = all.back();
    ASSERT_TRUE(signal_process(keeper, SIGSTOP));
    helper_.kill();
    const auto next = ProcessHost::start({.owner = owner_});
    ASSERT_TRUE(next);
    const auto child = (*next)->launch({.argv = {"sleep", "1000"}});
    ASSERT_TRUE(child);
    ASSERT_TRUE(signal_process(keeper, SIGCONT));
    EXPECT_TRUE(eventually([&] { return !is_running(keeper); }));
    EXPECT_TRUE(is_running(child->identity()));
}

}  // namespace
}  // namespace capstan::process
