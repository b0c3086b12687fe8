#include "platform/process/identity.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/process/process_test_kit.h"

namespace capstan::process {
namespace {

TEST(Identity, TellsAProcessFromAnotherOfTheSameNumber) {
    const auto self = identify(static_cast<int>(::getpid()));
    ASSERT_TRUE(self);
    EXPECT_TRUE(is_running(*self));
    ProcessIdentity other = *self;
    other.start_ticks += 1;
    EXPECT_FALSE(is_running(other));
    EXPECT_FALSE(signal_process(other, SIGKILL));
    EXPECT_TRUE(signal_process(*self, 0));
    EXPECT_FALSE(identify(-1));
    EXPECT_FALSE(identify(1 << 30));
}

TEST(Identity, AZombieDoesNotRun) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(0);
    }
    EXPECT_TRUE(eventually([&] { return !identify(child); }));
    EXPECT_NE(identify_child(child).start_ticks, 0U);
    ::waitpid(child, nullptr, 0);
}

TEST(Marks, KillOnlyWhatCarriesThem) {
    EXPECT_EQ(kill_marked("", 10), 0);
    EXPECT_EQ(kill_marked(std::string(kMarkVariable) + new_id(), 10), 0);
}

}  // namespace
}  // namespace capstan::process
