#include "platform/process/supervisor.h"

#include <atomic>
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/process/process_test_kit.h"

namespace capstan::process {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SupervisorTest : public testing::Test {
protected:
    void SetUp() override {
        auto host = ProcessHost::start({.owner = new_id()});
        ASSERT_TRUE(host);
        host_ = std::move(*host);
        supervisor_ = std::make_unique<Supervisor>(*host_, [this](const ServiceStatus& status) {
            const std::scoped_lock lock(mutex_);
            changes_.push_back(status);
        });
    }

    void TearDown() override { supervisor_.reset(); }

    ServiceSpec shell(const std::string& name, const std::string& script) const {
        ServiceSpec spec{.name = name};
        spec.process = [script, folder = folder_.path().string()]() -> Result<ProcessSpec> {
            ProcessSpec process{.argv = {"sh", "-c", script}};
            process.environment = {{"F", folder}};
            return process;
        };
        spec.health_interval_ms = 5;
        spec.terminate_grace_ms = 1'000;
        spec.restart = {.backoff_ms = 1, .backoff_ms_max = 4, .failures_max = 5, .stable_ms = 1'000'000};
        return spec;
    }

    bool reaches(const std::string& name, ServiceState state) {
        return eventually([&] { return supervisor_->status(name)->state == state; });
    }

    std::vector<ServiceStatus> changes() {
        const std::scoped_lock lock(mutex_);
        return changes_;
    }

    const TestFolder folder_;
    std::unique_ptr<ProcessHost> host_;
    std::mutex mutex_;
    std::vector<ServiceStatus> changes_;
    std::unique_ptr<Supervisor> supervisor_;
};

TEST_F(SupervisorTest, StartsAServiceAndSaysWhenItIsHealthy) {
    ServiceSpec spec = shell("engine", "sleep 0.05; echo > $F/ready; exec sleep 1000");
    spec.health = [this]() -> Result<void> {
        if (folder_.read("ready").empty()) {
            return Error{ErrorCode::kUnavailable, "connection refused"};
        }
        return {};
    };
    ASSERT_TRUE(supervisor_->add(spec));
    EXPECT_TRUE(reaches("engine", ServiceState::kHealthy));
    const auto seen = changes();
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[0].state, ServiceState::kStarting);
    EXPECT_EQ(seen[0].pid, 0);
    EXPECT_EQ(seen[1].state, ServiceState::kStarting);
    EXPECT_GT(seen[1].pid, 0);
    EXPECT_EQ(seen[2].state, ServiceState::kHealthy);
    EXPECT_EQ(seen[2].pid, seen[1].pid);
    EXPECT_EQ(seen[2].restarts, 0);
}

TEST_F(SupervisorTest, StartsAKilledServiceAgain) {
    ASSERT_TRUE(supervisor_->add(shell("engine", "exec sleep 1000")));
    ASSERT_TRUE(reaches("engine", ServiceState::kHealthy));
    const ServiceStatus first = *supervisor_->status("engine");
    ::kill(first.pid, SIGKILL);
    EXPECT_TRUE(eventually([&] {
        const auto now = supervisor_->status("engine");
        return now->state == ServiceState::kHealthy && now->pid != first.pid;
    }));
    EXPECT_EQ(supervisor_->status("engine")->restarts, 1);
    EXPECT_EQ(supervisor_->status("engine")->failures, 1);
    EXPECT_THAT(supervisor_->status("engine")->reason, HasSubstr("signal 9"));
}

TEST_F(SupervisorTest, GivesUpAfterFailuresInARowUntilSomebodyAsks) {
    ASSERT_TRUE(supervisor_->add(shell("engine", "echo x >> $F/starts; exit 7")));
    ASSERT_TRUE(reaches("engine", ServiceState::kFailed));
    EXPECT_EQ(folder_.read("starts"), "x\nx\nx\nx\nx\n");
    EXPECT_THAT(supervisor_->status("engine")->reason, HasSubstr("exit code 7"));
    ASSERT_TRUE(supervisor_->restart("engine"));
    EXPECT_TRUE(eventually([&] { return folder_.read("starts").size() >= 20; }));
    EXPECT_TRUE(reaches("engine", ServiceState::kFailed));
}

TEST_F(SupervisorTest, AProgramThatCannotStartFailsWithItsReason) {
    ServiceSpec spec = shell("engine", "");
    spec.process = []() -> Result<ProcessSpec> { return ProcessSpec{.argv = {"no-such-program"}}; };
    ASSERT_TRUE(supervisor_->add(spec));
    EXPECT_TRUE(reaches("engine", ServiceState::kFailed));
    EXPECT_THAT(supervisor_->status("engine")->reason, HasSubstr("no-such-program"));
}

TEST_F(SupervisorTest, EndsAServiceThatStoppedAnswering) {
    std::atomic<bool> answers = true;
    ServiceSpec spec = shell("engine", "echo $$ >> $F/starts; exec sleep 1000");
    spec.unhealthy_max = 3;
    spec.health = [&]() -> Result<void> {
        if (!answers) {
            return Error{ErrorCode::kUnavailable, "no answer"};
        }
        return {};
    };
    ASSERT_TRUE(supervisor_->add(spec));
    ASSERT_TRUE(reaches("engine", ServiceState::kHealthy));
    const int first = supervisor_->status("engine")->pid;
    answers = false;
    EXPECT_TRUE(eventually([&] { return supervisor_->status("engine")->restarts == 1; }));
    answers = true;
    EXPECT_TRUE(reaches("engine", ServiceState::kHealthy));
    EXPECT_NE(supervisor_->status("engine")->pid, first);
    EXPECT_THAT(supervisor_->status("engine")->reason, HasSubstr("stopped answering: no answer"));
    bool was_unhealthy = false;
    for (const ServiceStatus& status : changes()) {
        was_unhealthy = was_unhealthy || status.state == ServiceState::kUnhealthy;
    }
    EXPECT_TRUE(was_unhealthy);
}

TEST_F(SupervisorTest, AFewBadAnswersAreForgiven) {
    std::atomic<int> asked = 0;
    ServiceSpec spec = shell("engine", "exec sleep 1000");
    spec.unhealthy_max = 3;
    spec.health = [&]() -> Result<void> {
        asked += 1;
        if (asked == 3 || asked == 4) {
            return Error{ErrorCode::kUnavailable, "busy"};
        }
        return {};
    };
    ASSERT_TRUE(supervisor_->add(spec));
    EXPECT_TRUE(eventually([&] { return asked > 8; }));
    EXPECT_EQ(supervisor_->status("engine")->restarts, 0);
    EXPECT_EQ(supervisor_->status("engine")->state, ServiceState::kHealthy);
}

TEST_F(SupervisorTest, AServiceThatNeverAnswersFails) {
    ServiceSpec spec = shell("engine", "exec sleep 1000");
    spec.start_ms_max = 10;
    spec.health = []() -> Result<void> { return Error{ErrorCode::kUnavailable, "still loading"}; };
    ASSERT_TRUE(supervisor_->add(spec));
    EXPECT_TRUE(reaches("engine", ServiceState::kFailed));
    EXPECT_THAT(supervisor_->status("engine")->reason, HasSubstr("did not start in time: still loading"));
    EXPECT_TRUE(eventually([&] { return host_->running() == 0; }));
}

TEST_F(SupervisorTest, AStableServiceIsForgivenItsFailures) {
    ServiceSpec spec =
        shell("engine", "if [ -e $F/second ]; then exec sleep 1000; fi; echo > $F/second; exit 1");
    spec.restart.stable_ms = 10;
    ASSERT_TRUE(supervisor_->add(spec));
    EXPECT_TRUE(eventually([&] {
        const auto status = supervisor_->status("engine");
        return status->state == ServiceState::kHealthy && status->restarts == 1 && status->failures == 0;
    }));
}

TEST_F(SupervisorTest, StopsInReverseOrderEachBeforeTheNext) {
    for (const char* name : {"a", "b", "c"}) {
        const std::string script = std::string("trap 'echo ") + name +
                                   " >> $F/order; exit 0' TERM; echo > $F/" + name +
                                   "; while :; do sleep 0.01; done";
        ASSERT_TRUE(supervisor_->add(shell(name, script)));
        ASSERT_TRUE(eventually([&] { return !folder_.read(name).empty(); }));
    }
    supervisor_->stop();
    EXPECT_EQ(folder_.read("order"), "c\nb\na\n");
    for (const ServiceStatus& status : supervisor_->list()) {
        EXPECT_EQ(status.state, ServiceState::kStopped);
    }
    EXPECT_EQ(supervisor_->add(shell("d", "true")).error().code, ErrorCode::kCancelled);
}

TEST_F(SupervisorTest, KnowsItsServicesByName) {
    ASSERT_TRUE(supervisor_->add(shell("a", "exec sleep 1000")));
    ASSERT_TRUE(supervisor_->add(shell("b", "exec sleep 1000")));
    EXPECT_EQ(supervisor_->add(shell("a", "true")).error().code, ErrorCode::kConflict);
    EXPECT_EQ(supervisor_->status("zz").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(supervisor_->remove("zz").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(supervisor_->restart("zz").error().code, ErrorCode::kNotFound);
    ASSERT_TRUE(reaches("a", ServiceState::kHealthy));
    const int pid = supervisor_->status("a")->pid;
    ASSERT_TRUE(supervisor_->remove("a"));
    EXPECT_FALSE(identify(pid));
    EXPECT_EQ(supervisor_->list().size(), 1U);
    EXPECT_EQ(name_of(ServiceState::kBackingOff), "backing_off");
}

TEST_F(SupervisorTest, RestartsOnRequestWithoutCountingAFailure) {
    ASSERT_TRUE(supervisor_->add(shell("a", "exec sleep 1000")));
    ASSERT_TRUE(reaches("a", ServiceState::kHealthy));
    const int pid = supervisor_->status("a")->pid;
    ASSERT_TRUE(supervisor_->restart("a"));
    EXPECT_TRUE(eventually([&] {
        const auto status = supervisor_->status("a");
        return status->state == ServiceState::kHealthy && status->pid != pid;
    }));
    EXPECT_EQ(supervisor_->status("a")->failures, 0);
}

}  // namespace
}  // namespace capstan::process
