#include "platform/process/process_host.h"

#include <csignal>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/process/process_test_kit.h"

namespace capstan::process {
namespace {

using testing::HasSubstr;
using testing::Not;

class ProcessHostTest : public testing::Test {
protected:
    void SetUp() override {
        auto host = ProcessHost::start({.owner = owner_});
        ASSERT_TRUE(host) << host.error().message;
        host_ = std::move(*host);
    }

    // `script` for sh, with $F for the test's folder.
    ProcessSpec shell(const std::string& script) const {
        ProcessSpec spec{.argv = {"sh", "-c", script}};
        spec.environment = {{"F", folder_.path().string()}};
        spec.standard_output.path = folder_ / "out";
        spec.standard_error.path = folder_ / "err";
        return spec;
    }

    Process launched(ProcessSpec spec) {
        auto process = host_->launch(std::move(spec));
        EXPECT_TRUE(process) << process.error().message;
        return *process;
    }

    ProcessExit run(ProcessSpec spec) {
        const auto exit = launched(std::move(spec)).wait(60'000);
        EXPECT_TRUE(exit);
        return exit.value_or(ProcessExit{});
    }

    const std::string owner_ = new_id();
    const TestFolder folder_;
    std::unique_ptr<ProcessHost> host_;
};

TEST_F(ProcessHostTest, ReportsTheExitCodeAndTheOutput) {
    const ProcessExit exit = run(shell("echo out; echo err >&2; exit 3"));
    EXPECT_EQ(exit.exit_code, 3);
    EXPECT_EQ(exit.signal, std::nullopt);
    EXPECT_FALSE(exit.is_success());
    EXPECT_EQ(describe(exit), "exit code 3");
    EXPECT_EQ(folder_.read("out"), "out\n");
    EXPECT_EQ(folder_.read("err"), "err\n");
    EXPECT_TRUE(run(shell("true")).is_success());
}

TEST_F(ProcessHostTest, ReportsTheSignalAndTheResources) {
    const ProcessExit exit = run(shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; kill -SEGV $$"));
    EXPECT_EQ(exit.signal, SIGSEGV);
    EXPECT_EQ(exit.exit_code, std::nullopt);
    EXPECT_THAT(describe(exit), HasSubstr("signal 11"));
    EXPECT_GT(exit.memory_bytes_max, 100'000U);
    EXPECT_GT(exit.user_ms + exit.system_ms, 0);
}

TEST_F(ProcessHostTest, CallsBackOnceWhenItHasEnded) {
    std::atomic<int> calls = 0;
    auto process = host_->launch(shell("exit 5"), [&](const ProcessExit& exit) {
        calls += exit.exit_code == 5 ? 1 : 100;
    });
    ASSERT_TRUE(process);
    EXPECT_TRUE(process->wait(60'000));
    EXPECT_TRUE(eventually([&] { return calls > 0; }));
    host_.reset();
    EXPECT_EQ(calls, 1);
}

TEST_F(ProcessHostTest, AppendsToItsFiles) {
    run(shell("echo one"));
    run(shell("echo two"));
    EXPECT_EQ(folder_.read("out"), "one\ntwo\n");
}

TEST_F(ProcessHostTest, BothStreamsMayShareAFile) {
    ProcessSpec spec = shell("echo a; echo b >&2; echo c");
    spec.standard_error.path = spec.standard_output.path;
    spec.standard_output.bytes_max = 1000;
    run(spec);
    EXPECT_EQ(folder_.read("out"), "a\nb\nc\n");
}

TEST_F(ProcessHostTest, BoundedOutputKeepsTheBeginningAndTheEnd) {
    ProcessSpec spec = shell("echo start; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo the last words");
    spec.standard_output.bytes_max = 1000;
    EXPECT_TRUE(run(spec).is_success());
    const std::string text = folder_.read("out");
    EXPECT_THAT(text, testing::StartsWith("start\nxxx"));
    EXPECT_THAT(text, HasSubstr("bytes of output were left out here]\n"));
    EXPECT_THAT(text, testing::EndsWith("x\nthe last words\n"));
    EXPECT_LT(text.size(), 70'000U);
    const std::size_t at = text.find("[capstan: ") + 10;
    const std::size_t dropped = std::stoul(text.substr(at));
    const std::size_t notice = text.find("here]\n") + 6 - text.find("\n[capstan");
    EXPECT_EQ(text.size() - notice + dropped, 6U + 3'000'001U + 15U);
}

TEST_F(ProcessHostTest, OutputWithinItsBoundIsWhole) {
    ProcessSpec spec = shell("head -c 200000 /dev/zero | tr '\\0' y; printf z >&2");
    spec.standard_output.bytes_max = 200'000;
    spec.standard_error.bytes_max = 10;
    run(spec);
    EXPECT_EQ(folder_.read("out"), std::string(200'000, 'y'));
    EXPECT_EQ(folder_.read("err"), "z");
}

TEST_F(ProcessHostTest, AChildThatNeverStopsWritingDoesNotHoldTheOthers) {
    ProcessSpec spec = shell("yes");
    spec.standard_output.bytes_max = 1000;
    Process noisy = launched(spec);
    EXPECT_EQ(run(shell("exit 4")).exit_code, 4);
    noisy.terminate(0);
    EXPECT_EQ(noisy.wait(60'000)->signal, SIGKILL);
}

TEST_F(ProcessHostTest, GivesTheEnvironmentWithoutTheServersSecrets) {
    ::setenv("CAPSTAN_S3_SECRET", "one", 1);
    ::setenv("SOME_API_KEY", "two", 1);
    ::setenv("HARMLESS", "three", 1);
    ProcessSpec spec = shell("env");
    spec.environment.emplace_back("GIVEN_TOKEN", "four");
    run(spec);
    for (const char* name : {"CAPSTAN_S3_SECRET", "SOME_API_KEY", "HARMLESS"}) {
        ::unsetenv(name);
    }
    const std::string text = folder_.read("out");
    EXPECT_THAT(text, Not(HasSubstr("CAPSTAN_S3_SECRET")));
    EXPECT_THAT(text, Not(HasSubstr("SOME_API_KEY")));
    EXPECT_THAT(text, HasSubstr("HARMLESS=three\n"));
    EXPECT_THAT(text, HasSubstr("GIVEN_TOKEN=four\n"));
}

TEST_F(ProcessHostTest, StartsInItsFolderWithCleanDescriptorsAndSignals) {
    ::signal(SIGPIPE, SIG_IGN);
    ProcessSpec spec = shell(
        "pwd; ls /proc/self/fd | wc -l; grep -E '^Sig(Ign|Blk)' /proc/self/status; ps -o pgid= -p $$ "
        ">/dev/null; [ -t 0 ] || cat"
    );
    spec.working_directory = folder_.path();
    EXPECT_TRUE(run(spec).is_success());
    ::signal(SIGPIPE, SIG_DFL);
    const std::string text = folder_.read("out");
    EXPECT_THAT(text, testing::StartsWith(std::filesystem::canonical(folder_.path()).string() + "\n4\n"));
    EXPECT_THAT(text, HasSubstr("SigBlk:\t0000000000000000"));
    EXPECT_THAT(text, HasSubstr("SigIgn:\t0000000000000000"));
}

TEST_F(ProcessHostTest, EnforcesLimits) {
    ProcessSpec files = shell("ulimit -n; ulimit -t; ulimit -d; cat /proc/self/oom_score_adj; nice");
    files.limits = {
        .memory_bytes = std::uint64_t{512} << 20,
        .cpu_seconds = 77,
        .open_files = 33,
        .nice = 3,
        .oom_score_adjust = 500
    };
    run(files);
    EXPECT_EQ(folder_.read("out"), fmt::format("33\n77\n524288\n500\n{}\n", ::nice(0) + 3));
    ProcessSpec memory = shell("head -c 200000000 /dev/zero | tail -c 200000000 | wc -c");
    memory.limits.memory_bytes = std::uint64_t{30} << 20;
    run(memory);
    EXPECT_THAT(folder_.read("err"), HasSubstr("memory"));
}

TEST_F(ProcessHostTest, CpuTimeEndsAProcess) {
    ProcessSpec spec = shell("while :; do :; done");
    spec.limits.cpu_seconds = 1;
    const ProcessExit exit = run(spec);
    EXPECT_TRUE(exit.signal == SIGXCPU || exit.signal == SIGKILL);
}

TEST_F(ProcessHostTest, ErrorsNameWhatFailed) {
    EXPECT_EQ(host_->launch({.argv = {}}).error().code, ErrorCode::kInvalid);
    const auto missing = host_->launch({.argv = {"no-such-program-here"}});
    EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(missing.error().message, HasSubstr("no-such-program-here"));
    const auto path = host_->launch({.argv = {"/no/such/program"}});
    EXPECT_EQ(path.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(path.error().message, HasSubstr("/no/such/program"));
    EXPECT_EQ(host_->launch({.argv = {"/etc/passwd"}}).error().code, ErrorCode::kDenied);
    ProcessSpec folder = shell("true");
    folder.working_directory = "/no/such/folder";
    EXPECT_THAT(host_->launch(folder).error().message, HasSubstr("/no/such/folder"));
    ProcessSpec output = shell("true");
    output.standard_output.path = "/no/such/folder/out";
    EXPECT_THAT(host_->launch(output).error().message, HasSubstr("/no/such/folder/out"));
    ProcessSpec variable = shell("true");
    variable.environment.emplace_back("A=B", "c");
    EXPECT_EQ(host_->launch(variable).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(host_->running(), 0U);
}

TEST_F(ProcessHostTest, TermIsHeardAndGraceIsGiven) {
    Process process =
        launched(shell("trap 'echo bye; exit 143' TERM; echo $$ > $F/pid; while :; do sleep 0.01; done"));
    folder_.process("pid");
    process.terminate(60'000);
    EXPECT_EQ(process.wait(60'000)->exit_code, 143);
    EXPECT_EQ(folder_.read("out"), "bye\n");
}

TEST_F(ProcessHostTest, AChildThatIgnoresTermIsKilledWithAllItStarted) {
    // A grandchild in the group, one in a session of its own, and one whose parent has gone.
    Process process =
        launched(shell("trap '' TERM; (echo $(exec sh -c 'echo $PPID') > $F/one; exec sleep 1000) &"
                       "setsid sh -c 'echo $$ > $F/two; exec sleep 1000' &"
                       "(setsid sh -c 'echo $$ > $F/three; exec sleep 1000' &) ;"
                       "echo $$ > $F/pid; while :; do sleep 0.01; done"));
    const auto all = {
        folder_.process("one"), folder_.process("two"), folder_.process("three"), folder_.process("pid")
    };
    for (const auto& each : all) {
        EXPECT_TRUE(is_running(each));
    }
    process.terminate(50);
    EXPECT_EQ(process.wait(60'000)->signal, SIGKILL);
    for (const auto& each : all) {
        EXPECT_TRUE(eventually([&] { return !is_running(each); })) << each.pid;
    }
}

TEST_F(ProcessHostTest, WhatAProcessLeavesBehindIsKilledWhenItEnds) {
    const ProcessExit exit = run(shell(
        "setsid sh -c 'echo $$ > $F/left; exec sleep 1000' & while ! [ -s $F/left ]; do sleep 0.01; done"
    ));
    EXPECT_TRUE(exit.is_success());
    EXPECT_EQ(folder_.process("left"), ProcessIdentity{});
}

TEST_F(ProcessHostTest, AProcessOverItsTimeIsTerminated) {
    ProcessSpec spec = shell("trap '' TERM; while :; do sleep 0.01; done");
    spec.run_ms_max = 30;
    spec.terminate_grace_ms = 30;
    const ProcessExit exit = run(spec);
    EXPECT_EQ(exit.signal, SIGKILL);
    EXPECT_TRUE(exit.was_over_time);
    EXPECT_THAT(describe(exit), HasSubstr("after its time was over"));
}

TEST_F(ProcessHostTest, AStoppedProcessHearsTerm) {
    Process process = launched(shell("echo $$ > $F/pid; kill -STOP $$; sleep 1000"));
    const ProcessIdentity identity = folder_.process("pid");
    EXPECT_EQ(identity, process.identity());
    process.terminate(60'000);
    EXPECT_EQ(process.wait(60'000)->signal, SIGTERM);
}

TEST_F(ProcessHostTest, RunsManyAtOnceUpToItsLimit) {
    host_.reset();
    auto host = ProcessHost::start({.owner = owner_, .shutdown_grace_ms = 0, .processes_max = 20});
    ASSERT_TRUE(host);
    std::vector<Process> all;
    for (int i = 0; i < 20; ++i) {
        auto process = (*host)->launch({.argv = {"sleep", "1000"}});
        ASSERT_TRUE(process);
        all.push_back(*process);
    }
    EXPECT_EQ((*host)->launch({.argv = {"true"}}).error().code, ErrorCode::kExhausted);
    host->reset();
    for (Process& process : all) {
        EXPECT_EQ(process.exit()->signal, SIGKILL);
        process.terminate(0);  // After the host has gone: nothing happens.
    }
}

TEST_F(ProcessHostTest, AHostThatGoesTakesItsChildrenAndItsKeeperWithIt) {
    launched(shell("echo $$ > $F/pid; exec sleep 1000"));
    const ProcessIdentity child = folder_.process("pid");
    const auto keeper = identify(host_->keeper_pid());
    ASSERT_TRUE(keeper);
    host_.reset();
    EXPECT_FALSE(is_running(child));
    EXPECT_FALSE(is_running(*keeper));
}

TEST_F(ProcessHostTest, AnOwnersNameIsChecked) {
    EXPECT_EQ(ProcessHost::start({.owner = ""}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(ProcessHost::start({.owner = "a/b"}).error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace capstan::process
