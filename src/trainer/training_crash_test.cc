// What a process that may die at any moment promises: nothing is lost but time.

#include <chrono>
#include <csignal>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "base/file.h"
#include "trainer/random_order.h"
#include "trainer/training_fixture.h"

namespace capstan::trainer {
namespace {

using testing::HasSubstr;

using Crash = TrainingTest;

constexpr int kKills = 12;
constexpr int kKillsMin = 6;
constexpr std::int64_t kStepsOfLifeMax = 12;

void sleep_ms(std::uint64_t ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

// Of its own accord. It stays there to be waited for.
bool has_ended(pid_t process) {
    siginfo_t info = {};
    return ::waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == process;
}

// What ends a life: steps behind `step`, or time, whichever comes first.
struct LifeEnd {
    std::int64_t step = 0;
    std::uint64_t ms = 0;
};

// A third of the lives end at any time after the start, the others soon after a new checkpoint. None goes so
// far, on a fast machine, that nothing is left to kill.
LifeEnd end_of_life(std::uint64_t life, std::int64_t seen) {
    constexpr std::uint64_t kNever = 100'000;
    if (life % 3 == 2) {
        return {.step = seen + kStepsOfLifeMax, .ms = mix_seed(7, life) % 1500};
    }
    return {.step = seen + 1 + static_cast<std::int64_t>(mix_seed(8, life) % 8), .ms = kNever};
}

// Every step that both curves have is the same, and none ever had two values.
void expect_same_curve(
    const std::map<std::int64_t, std::set<double>>& one, const std::map<std::int64_t, std::set<double>>& other
) {
    std::size_t shared = 0;
    for (const auto& [step, losses] : other) {
        ASSERT_EQ(losses.size(), 1U) << "step " << step << " had several losses";
        if (one.contains(step)) {
            EXPECT_EQ(one.at(step), losses) << "step " << step;
            ++shared;
        }
    }
    EXPECT_EQ(shared, one.size());
}

TEST_F(Crash, KilledAtRandomMomentsItEndsWhereAnUninterruptedRunEnds) {
    constexpr std::int64_t kSteps = 150;
    const JobDirectory calm = make_job("calm", tiny_spec(kSteps));
    ASSERT_EQ(run(calm), 0);
    const JobDirectory stormy = make_job("stormy", tiny_spec(kSteps));
    int kills = 0;
    for (std::uint64_t life = 0; life < kKills; ++life) {
        const auto before = checkpoint_steps(stormy);
        const LifeEnd end = end_of_life(life, before.empty() ? -1 : before.back());
        const pid_t process = start(stormy);
        const auto begun = std::chrono::steady_clock::now();
        for (auto steps = before; steps.empty() || steps.back() < end.step;
             steps = checkpoint_steps(stormy)) {
            const auto lived = std::chrono::steady_clock::now() - begun;
            if (lived >= std::chrono::milliseconds(end.ms) || has_ended(process)) {
                break;
            }
            sleep_ms(1);
        }
        sleep_ms(mix_seed(9, life) % 20);
        ::kill(process, SIGKILL);
        const int code = wait_for(process);
        if (code == 0) {
            break;
        }
        ASSERT_EQ(code, 128 + SIGKILL);
        ++kills;
    }
    EXPECT_GE(kills, kKillsMin) << "it ended before it was killed; give the test more steps";
    ASSERT_EQ(run(stormy), 0);
    EXPECT_GT(value_of(stormy).int_or("resumed_from_step", 0), 0);
    expect_same_curve(loss_curve(calm), loss_curve(stormy));
    EXPECT_EQ(model_bytes(calm), model_bytes(stormy));
    for (const auto* name : {"final_loss", "heldout_loss", "tokens", "steps"}) {
        EXPECT_EQ(value_of(calm)[name], value_of(stormy)[name]) << name;
    }
}

TEST_F(Crash, SigtermWritesACheckpointAndNoResult) {
    const JobDirectory calm = make_job("calm", tiny_spec(60));
    ASSERT_EQ(run(calm), 0);
    Json spec = tiny_spec(60);
    const JobDirectory stopped = make_job("stopped", spec);
    const pid_t process = start(stopped);
    while (checkpoint_steps(stopped).empty() && !has_ended(process)) {
        sleep_ms(1);
    }
    ::kill(process, SIGTERM);
    ASSERT_EQ(wait_for(process), 143);
    EXPECT_EQ(stopped.read_result().error().code, ErrorCode::kNotFound);
    ASSERT_EQ(run(stopped), 0);
    EXPECT_EQ(model_bytes(calm), model_bytes(stopped));
}

TEST_F(Crash, ADamagedCheckpointIsSkippedWithItsReason) {
    const JobDirectory calm = make_job("calm", tiny_spec(40));
    ASSERT_EQ(run(calm), 0);
    Json spec = tiny_spec(40);
    spec.set("checkpoints_kept", 5);
    const JobDirectory job = make_job("job", spec);
    ASSERT_EQ(run(job), 0);
    const auto steps = checkpoint_steps(job);
    ASSERT_EQ(steps.size(), 5U);
    const auto folder = [&](std::size_t from_last) {
        return job.work() / "checkpoints" / fmt::format("step-{:09}", steps[steps.size() - 1 - from_last]);
    };
    // A torn file, a flipped bit, a missing marker, and one of another specification.
    const auto torn = *read_file(folder(0) / "model.safetensors");
    ASSERT_TRUE(
        replace_file(folder(0) / "model.safetensors", std::string_view(torn).substr(0, torn.size() / 2))
    );
    auto flipped = *read_file(folder(1) / "optimizer.safetensors");
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
    ASSERT_TRUE(replace_file(folder(1) / "optimizer.safetensors", flipped));
    ASSERT_TRUE(remove_tree(folder(2) / "COMPLETE"));
    ASSERT_EQ(run(job), 0);
    const Json value = value_of(job);
    EXPECT_EQ(value.int_or("resumed_from_step", -1), steps[1]);
    const auto& skipped = *value["skipped_checkpoints"].as_array();
    ASSERT_EQ(skipped.size(), 3U);
    EXPECT_THAT(skipped[0].string_or("reason", ""), HasSubstr("model.safetensors has"));
    EXPECT_THAT(skipped[1].string_or("reason", ""), HasSubstr("optimizer.safetensors does not match"));
    EXPECT_THAT(skipped[2].string_or("reason", ""), HasSubstr("no COMPLETE"));
    EXPECT_EQ(model_bytes(calm), model_bytes(job));
}

TEST_F(Crash, CheckpointsOfAnotherSpecificationAreNotUsed) {
    const JobDirectory job = make_job("job", tiny_spec(5));
    ASSERT_EQ(run(job), 0);
    Json other = tiny_spec(5);
    other.set("seed", 2);
    ASSERT_TRUE(replace_file(job.path() / "spec.json", other.dump()));
    ASSERT_EQ(run(job), 0);
    const Json value = value_of(job);
    EXPECT_TRUE(value["resumed_from_step"].is_null());
    EXPECT_THAT(value["skipped_checkpoints"].dump(), HasSubstr("another specification"));
}

TEST_F(Crash, AFinishedJobStartedAgainGivesTheSameResult) {
    const JobDirectory job = make_job("job", tiny_spec(10));
    ASSERT_EQ(run(job), 0);
    const auto model = model_bytes(job);
    const Json first = value_of(job);
    ASSERT_EQ(run(job), 0);
    EXPECT_EQ(model_bytes(job), model);
    EXPECT_EQ(value_of(job)["final_loss"], first["final_loss"]);
    EXPECT_EQ(value_of(job).int_or("resumed_from_step", 0), 10);
}

}  // namespace
}  // namespace capstan::trainer
