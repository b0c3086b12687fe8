#include "platform/jobs/transitions.h"

#include <array>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capstan::jobs {
namespace {

constexpr std::int64_t kNow = 1'000'000;
constexpr RetryRules kRules{.backoff_ms = 1'000, .backoff_ms_max = 60'000};

constexpr std::array<JobState, 7> kAll = {
    JobState::kQueued,
    JobState::kLeased,
    JobState::kRunning,
    JobState::kSucceeded,
    JobState::kFailed,
    JobState::kCancelled,
    JobState::kLost
};

Job job_in(JobState state) {
    Job job{.id = "j1", .attempts_max = 3, .state = state, .version = 7};
    if (state != JobState::kQueued) {
        job.attempt = 1;
    }
    if (state == JobState::kLeased || state == JobState::kRunning) {
        job.lease_owner = "w";
        job.lease_token = "t";
        job.lease_expires_ms = kNow;
    }
    if (is_final(state)) {
        job.finished_ms = kNow - 1;
    }
    return job;
}

AttemptEnd success() {
    return {.result = Json::object({{"model", "m"}}), .exit_code = 0};
}

AttemptEnd failure(bool may_retry = true) {
    return {.result = Error{ErrorCode::kInternal, "it broke"}, .exit_code = 3, .may_retry = may_retry};
}

struct Event {
    const char* name;
    std::function<Result<Job>(Job)> apply;
    std::set<JobState> allowed;
    bool is_repeatable = false;  // Also allowed, without effect, where it leads.
};

const std::set<JobState> kTaken = {JobState::kLeased, JobState::kRunning};

std::vector<Event> events() {
    return {
        {"lease",
         [](Job job) { return leased(std::move(job), {"w", "t2", kNow + 5}, kNow); },
         {JobState::kQueued}},
        {"start", [](Job job) { return started(std::move(job), "t", "pid", kNow); }, {JobState::kLeased}},
        {"report",
         [](Job job) { return reported(std::move(job), "t", {.step = 1, .message = "", .metrics = {}}); },
         kTaken},
        {"renew", [](Job job) { return renewed(std::move(job), "t", kNow + 9, kNow); }, kTaken},
        {"succeed", [](Job job) { return ended(std::move(job), "t", success(), kRules, kNow); }, kTaken},
        {"fail", [](Job job) { return ended(std::move(job), "t", failure(), kRules, kNow); }, kTaken},
        {"release", [](Job job) { return released(std::move(job), "t", kNow); }, kTaken},
        {"expire", [](Job job) { return expired(std::move(job), kRules, kNow); }, kTaken},
        {"cancel",
         [](Job job) { return cancel_asked(std::move(job), kNow); },
         {JobState::kQueued, JobState::kLeased, JobState::kRunning, JobState::kCancelled}},
        {"retry",
         [](Job job) { return retried(std::move(job), kNow); },
         {JobState::kFailed, JobState::kCancelled, JobState::kLost}},
    };
}

TEST(Transitions, EveryEventIsAllowedInItsStatesAndRefusedInTheRest) {
    for (const Event& event : events()) {
        for (const JobState state : kAll) {
            const auto after = event.apply(job_in(state));
            EXPECT_EQ(after.has_value(), event.allowed.contains(state))
                << event.name << " in " << name_of(state);
            if (!after) {
                EXPECT_EQ(after.error().code, ErrorCode::kConflict);
                EXPECT_THAT(after.error().message, testing::HasSubstr(name_of(state)));
            }
        }
    }
}

TEST(Transitions, EveryResultIsWhole) {
    for (const Event& event : events()) {
        for (const JobState state : kAll) {
            const auto after = event.apply(job_in(state));
            if (!after) {
                continue;
            }
            const bool is_taken = kTaken.contains(after->state);
            EXPECT_EQ(is_taken, !after->lease_token.empty()) << event.name << " in " << name_of(state);
            EXPECT_EQ(is_taken, !after->lease_owner.empty());
            EXPECT_EQ(after->is_final(), after->finished_ms.has_value());
            EXPECT_TRUE(is_taken || after->handle.empty());
            EXPECT_LE(after->attempt, after->attempts_max);
            EXPECT_GE(after->attempt, 0);
        }
    }
}

TEST(Transitions, WhoHasNotTheTokenMayDoNothing) {
    for (const JobState state : {JobState::kLeased, JobState::kRunning}) {
        const Job job = job_in(state);
        EXPECT_FALSE(started(job, "other", "pid", kNow));
        EXPECT_FALSE(reported(job, "other", {}));
        EXPECT_FALSE(renewed(job, "other", kNow + 1, kNow));
        EXPECT_FALSE(ended(job, "other", success(), kRules, kNow));
        EXPECT_FALSE(released(job, "other", kNow));
        EXPECT_THAT(released(job, "", kNow).error().message, testing::HasSubstr("another worker"));
    }
}

TEST(Transitions, OnlyTheHeartbeatLeavesTheVersion) {
    for (const Event& event : events()) {
        for (const JobState state : event.allowed) {
            const auto after = event.apply(job_in(state));
            const bool is_quiet = std::string_view(event.name) == "renew" ||
                                  (std::string_view(event.name) == "cancel" && state == JobState::kCancelled);
            EXPECT_EQ(after->version, is_quiet ? 7 : 8) << event.name << " in " << name_of(state);
        }
    }
}

TEST(Transitions, ALeaseCountsAnAttemptAndForgetsTheLastEnd) {
    Job job = job_in(JobState::kQueued);
    job.attempt = 1;
    job.exit_code = 3;
    job.started_ms = 5;
    const auto after = leased(job, {"w", "t", kNow + 5}, kNow);
    EXPECT_EQ(after->state, JobState::kLeased);
    EXPECT_EQ(after->attempt, 2);
    EXPECT_EQ(after->exit_code, std::nullopt);
    EXPECT_EQ(after->started_ms, std::nullopt);
    EXPECT_EQ(after->lease_expires_ms, kNow + 5);
    EXPECT_EQ(after->heartbeat_ms, kNow);
}

TEST(Transitions, AJobIsNotTakenBeforeItsTime) {
    Job job = job_in(JobState::kQueued);
    job.not_before_ms = kNow + 1;
    EXPECT_FALSE(leased(job, {"w", "t", kNow + 5}, kNow));
    EXPECT_TRUE(leased(job, {"w", "t", kNow + 5}, kNow + 1));
}

TEST(Transitions, SuccessKeepsTheResultAndClearsEarlierErrors) {
    Job job = job_in(JobState::kRunning);
    job.error = "an earlier attempt";
    job.error_code = ErrorCode::kInternal;
    const auto after = ended(job, "t", success(), kRules, kNow);
    EXPECT_EQ(after->state, JobState::kSucceeded);
    EXPECT_EQ(after->result->dump(), R"({"model":"m"})");
    EXPECT_EQ(after->error, std::nullopt);
    EXPECT_EQ(after->exit_code, 0);
    EXPECT_EQ(after->finished_ms, kNow);
}

TEST(Transitions, FailureWaitsForAnotherAttemptWhileThereIsOne) {
    Job job = job_in(JobState::kRunning);
    auto after = ended(job, "t", failure(), kRules, kNow);
    EXPECT_EQ(after->state, JobState::kQueued);
    EXPECT_EQ(after->not_before_ms, kNow + retry_delay_ms(kRules, "j1", 1));
    EXPECT_EQ(after->error, "it broke");
    EXPECT_EQ(after->exit_code, 3);
    job.attempt = 3;
    after = ended(job, "t", failure(), kRules, kNow);
    EXPECT_EQ(after->state, JobState::kFailed);
    EXPECT_EQ(after->error_code, ErrorCode::kInternal);
    job.attempt = 1;
    EXPECT_EQ(ended(job, "t", failure(false), kRules, kNow)->state, JobState::kFailed);
}

TEST(Transitions, ACancelThatWasAskedForWins) {
    const Job asked = *cancel_asked(job_in(JobState::kRunning), kNow);
    EXPECT_EQ(asked.state, JobState::kRunning);
    EXPECT_TRUE(asked.cancel_requested);
    EXPECT_EQ(ended(asked, "t", success(), kRules, kNow)->state, JobState::kCancelled);
    EXPECT_EQ(ended(asked, "t", success(), kRules, kNow)->result, std::nullopt);
    EXPECT_EQ(ended(asked, "t", failure(), kRules, kNow)->state, JobState::kCancelled);
    EXPECT_EQ(released(asked, "t", kNow)->state, JobState::kCancelled);
    EXPECT_EQ(expired(asked, kRules, kNow)->state, JobState::kCancelled);
    EXPECT_EQ(cancel_asked(job_in(JobState::kQueued), kNow)->state, JobState::kCancelled);
}

TEST(Transitions, AReleasedAttemptDoesNotCount) {
    const auto after = released(job_in(JobState::kRunning), "t", kNow);
    EXPECT_EQ(after->state, JobState::kQueued);
    EXPECT_EQ(after->attempt, 0);
    EXPECT_EQ(after->not_before_ms, kNow);
}

TEST(Transitions, ALeaseExpiresAtItsTimeAndIsLostWithTheLastAttempt) {
    Job job = job_in(JobState::kRunning);
    EXPECT_FALSE(expired(job, kRules, kNow - 1));
    EXPECT_EQ(expired(job, kRules, kNow)->state, JobState::kQueued);
    EXPECT_EQ(expired(job, kRules, kNow)->attempt, 1);
    job.attempt = 3;
    const auto lost = expired(job, kRules, kNow);
    EXPECT_EQ(lost->state, JobState::kLost);
    EXPECT_THAT(*lost->error, testing::HasSubstr("attempt 3 of 3"));
}

TEST(Transitions, ARetryGivesOneMoreAttempt) {
    Job job = job_in(JobState::kFailed);
    job.attempt = 3;
    job.cancel_requested = true;
    auto after = retried(job, kNow);
    EXPECT_EQ(after->state, JobState::kQueued);
    EXPECT_EQ(after->attempts_max, 4);
    EXPECT_FALSE(after->cancel_requested);
    EXPECT_EQ(after->finished_ms, std::nullopt);
    job.attempt = 1;
    EXPECT_EQ(retried(job, kNow)->attempts_max, 3);
}

TEST(RetryDelay, DoublesUpToItsLimitWithinHalfAndWhole) {
    std::int64_t whole = 1'000;
    for (int attempt = 1; attempt <= 60; ++attempt) {
        const std::int64_t ms = retry_delay_ms(kRules, "some job", attempt);
        EXPECT_GE(ms, whole / 2) << attempt;
        EXPECT_LE(ms, whole) << attempt;
        EXPECT_EQ(ms, retry_delay_ms(kRules, "some job", attempt));
        whole = std::min<std::int64_t>(whole * 2, 60'000);
    }
}

TEST(RetryDelay, SpreadsJobsThatFailedTogether) {
    std::set<std::int64_t> delays;
    for (int i = 0; i < 100; ++i) {
        delays.insert(retry_delay_ms(
            {.backoff_ms = 1'000'000, .backoff_ms_max = 1'000'000}, fmt::format("job {}", i), 1
        ));
    }
    EXPECT_GT(delays.size(), 95U);
    EXPECT_EQ(retry_delay_ms({.backoff_ms = 0, .backoff_ms_max = 0}, "j", 5), 0);
}

TEST(JobStates, HaveNamesThatReadBack) {
    for (const JobState state : kAll) {
        EXPECT_EQ(*parse_job_state(name_of(state)), state);
    }
    EXPECT_THAT(parse_job_state("done").error().message, testing::HasSubstr("queued, leased, running"));
}

}  // namespace
}  // namespace capstan::jobs
