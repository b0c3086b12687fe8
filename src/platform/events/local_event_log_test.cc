#include "platform/events/local_event_log.h"

#include <thread>

#include "platform/events/test_event_log.h"

namespace capstan::events {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(EventLogs, GiveBackWhatWasToldInOrderAlsoAfterARestart) {
    EXPECT_THAT(append({event("1"), event("2")}), ElementsAre(0, 1));
    reopen();
    EXPECT_THAT(append({event("{\"ü\":3}")}), ElementsAre(2));
    const Polled polled = poll("c");
    ASSERT_EQ(polled.events.size(), 3U);
    EXPECT_EQ(polled.next_offset, 3);
    const Event& last = polled.events[2];
    EXPECT_EQ(last.offset, 2);
    EXPECT_EQ(last.time_ms, 1'000);
    EXPECT_EQ(last.type, "Told");
    EXPECT_EQ(last.schema_version, 2);
    EXPECT_EQ(last.key, "k");
    EXPECT_EQ(last.payload, "{\"ü\":3}");
    EXPECT_THAT(log_->torn_tails(), IsEmpty());
}

TEST_F(EventLogs, RepeatWhatWasNotCommitted) {
    append({event("1"), event("2"), event("3")});
    EXPECT_EQ(poll("c", 2).events.size(), 2U);
    EXPECT_EQ(poll("c", 2).events[0].payload, "1");
    ASSERT_TRUE(log_->commit("facts", "c", 2));
    reopen();
    EXPECT_EQ(poll("c").events[0].payload, "3");
    EXPECT_EQ(poll("other").events[0].payload, "1");
}

TEST_F(EventLogs, MoveAConsumerBackOnlyWhenAskedTo) {
    append({event("1"), event("2")});
    ASSERT_TRUE(log_->commit("facts", "c", 2));
    EXPECT_TRUE(log_->commit("facts", "c", 1));
    EXPECT_THAT(poll("c").events, IsEmpty());
    EXPECT_TRUE(log_->rewind("facts", "c", 1));
    EXPECT_EQ(poll("c").events[0].payload, "2");
    EXPECT_EQ(log_->commit("facts", "c", 3).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(log_->rewind("facts", "c", -1).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(log_->commit("none", "c", 0).error().code, ErrorCode::kNotFound);
}

TEST_F(EventLogs, ForgetAConsumer) {
    append({event("1")});
    drain("c");
    EXPECT_TRUE(log_->forget("facts", "c"));
    EXPECT_EQ(log_->forget("facts", "c").error().code, ErrorCode::kNotFound);
    reopen();
    EXPECT_THAT(log_->state("facts")->consumers, IsEmpty());
    EXPECT_THAT(drain("c"), ElementsAre("1"));
}

TEST_F(EventLogs, TellARepeatedIdOnce) {
    EXPECT_THAT(append({event("1", "a"), event("2", "a"), event("3", "b")}), ElementsAre(0, 0, 1));
    EXPECT_THAT(append({event("4", "b"), event("5", "c"), event("6"), event("7")}), ElementsAre(1, 2, 3, 4));
    reopen();
    EXPECT_THAT(append({event("8", "a"), event("9", "c")}), ElementsAre(0, 2));
    EXPECT_THAT(drain("c"), ElementsAre("1", "3", "5", "6", "7"));
}

TEST_F(EventLogs, RememberIdsOverTheStatedWindowAndNoLonger) {
    options_.remembered_ids = 3;
    options_.segment_bytes = 100;  // The window spans several segments.
    reopen();
    append({event("1", "a")});
    append({event("2")});
    append({event("3")});
    reopen();
    EXPECT_THAT(append({event("again", "a")}), ElementsAre(0));
    append({event("4")});
    reopen();
    EXPECT_THAT(append({event("again", "a")}), ElementsAre(4));
}

TEST_F(EventLogs, RefuseWhatIsNoEvent) {
    const auto code = [&](const NewEvent& one) {
        return log_->append("facts", {event("ok"), one}).error().code;
    };
    EXPECT_EQ(code({.type = "", .payload = "1"}), ErrorCode::kInvalid);
    EXPECT_EQ(code({.type = "\xff", .payload = "1"}), ErrorCode::kInvalid);
    EXPECT_EQ(code({.type = "T", .payload = "\xff"}), ErrorCode::kInvalid);
    EXPECT_EQ(code({.type = std::string(129, 'a'), .payload = "1"}), ErrorCode::kTooLarge);
    EXPECT_EQ(code({.type = "T", .key = std::string(1'025, 'a'), .payload = "1"}), ErrorCode::kTooLarge);
    EXPECT_EQ(code({.type = "T", .id = std::string(257, 'a'), .payload = "1"}), ErrorCode::kTooLarge);
    EXPECT_EQ(
        code({.type = "T", .payload = std::string(options_.event_bytes_max + 1, '1')}), ErrorCode::kTooLarge
    );
    EXPECT_EQ(log_->append("../up", {event("1")}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(log_->poll({.topic = "facts", .consumer = "a/b"}).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(
        log_->poll({.topic = "facts", .consumer = "c", .events_max = 0}).error().code, ErrorCode::kInvalid
    );
    EXPECT_EQ(append({event(std::string(options_.event_bytes_max, '1'))}).size(), 1U);
    EXPECT_EQ(poll("c").events.size(), 1U);  // None of the refused batches was told in part.
}

TEST_F(EventLogs, BelongToOneProcess) {
    EXPECT_EQ(LocalEventLog::open(options_).error().code, ErrorCode::kConflict);
}

TEST_F(EventLogs, WakeAPollThatWaits) {
    std::jthread teller([this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        append({event("1")});
    });
    const auto polled = log_->poll({.topic = "facts", .consumer = "c", .wait_ms = 60'000});
    ASSERT_TRUE(polled);
    EXPECT_EQ(polled->events.size(), 1U);
}

TEST_F(EventLogs, KeepEverythingThatAConsumerStillNeeds) {
    options_.retain_bytes = 10'000;
    (void)poll("slow");
    fill(60);
    EXPECT_EQ(log_->state("facts")->first_offset, 0);
    EXPECT_EQ(drain("slow").size(), 60U);
    ASSERT_TRUE(log_->retain());
    EXPECT_GT(log_->state("facts")->first_offset, 40);
    EXPECT_LE(log_->state("facts")->bytes, 20'000U);
    append({event("60")});
    EXPECT_THAT(drain("slow"), ElementsAre("60"));
}

TEST_F(EventLogs, DropByAgeWhatEveryConsumerHasRead) {
    options_.retain_ms = 1'000;
    fill(60);
    drain("c");
    ASSERT_TRUE(log_->retain());
    EXPECT_EQ(log_->state("facts")->first_offset, 0);
    now_ms_ += 2'000;
    ASSERT_TRUE(log_->retain());
    EXPECT_EQ(segments().size(), 1U);
    EXPECT_EQ(log_->state("facts")->next_offset, 60);
}

TEST_F(EventLogs, RefuseEventsWhenFullRatherThanLoseSome) {
    options_.bytes_max = 20'000;
    (void)poll("slow");
    options_.segment_bytes = 8'192;
    reopen();
    int told = 0;
    Result<std::vector<std::int64_t>> last = std::vector<std::int64_t>();
    while (last && told < 100) {
        last = log_->append("facts", {event(std::string(1'000, '1'))});
        told += last ? 1 : 0;
    }
    EXPECT_EQ(last.error().code, ErrorCode::kExhausted);
    EXPECT_GT(told, 10);
    EXPECT_EQ(drain("slow").size(), static_cast<std::size_t>(told));
}

TEST_F(EventLogs, DropTheOldestWhenFullIfToldToAndSayHowManyWereLost) {
    options_.bytes_max = 20'000;
    options_.when_full = WhenFull::kDropOldest;
    (void)poll("slow");
    fill(60);
    const Polled polled = poll("slow");
    EXPECT_GT(polled.lost, 30);
    EXPECT_EQ(polled.lost + static_cast<std::int64_t>(polled.events.size()), 60 - (60 - polled.next_offset));
    EXPECT_LE(log_->state("facts")->bytes, 20'000U);
    EXPECT_EQ(polled.events.front().offset, polled.lost);
}

TEST_F(EventLogs, PushBackInsteadOfGrowingWhenTheDiskIsSlow) {
    std::atomic<bool> is_held = false;
    std::atomic<bool> may_go = false;
    options_.waiting_bytes_max = 10'000;
    options_.wait_ms_max = 50;
    options_.now_ms = [&]() -> std::int64_t {  // Called by the thread that writes: stands for a slow disk.
        is_held = true;
        while (!may_go) {
            std::this_thread::yield();
        }
        return 1;
    };
    may_go = true;
    reopen();
    append({event("0")});
    may_go = false;
    is_held = false;
    std::jthread writer([this] { append({event("1")}); });
    while (!is_held) {
        std::this_thread::yield();
    }
    std::jthread waiting([this] { append({event(std::string(9'500, '2'))}); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    Result<std::vector<std::int64_t>> refused = std::vector<std::int64_t>();
    while (refused) {  // Until `waiting` stands in line.
        refused = log_->append("facts", {event(std::string(9'500, '3'))});
    }
    EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
    may_go = true;
    writer.join();
    waiting.join();
    EXPECT_GE(drain("c").size(), 3U);
    EXPECT_EQ(log_->append("facts", {event(std::string(10'001, '4'))}).error().code, ErrorCode::kTooLarge);
}

TEST_F(EventLogs, KeepTheOrderOfEachThreadAmongMany) {
    constexpr int kThreads = 8;
    constexpr int kEvents = 50;
    options_.segment_bytes = 10'000;
    reopen();
    std::vector<std::vector<std::string>> seen(1);
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < kThreads; ++thread) {
            threads.emplace_back([this, thread] {
                for (int i = 0; i < kEvents; ++i) {
                    const auto offsets = append(
                        {event(fmt::format("[{},{}]", thread, 2 * i)),
                         event(fmt::format("[{},{}]", thread, 2 * i + 1))}
                    );
                    EXPECT_EQ(offsets[1], offsets[0] + 1);
                }
            });
        }
        threads.emplace_back([&] {
            while (seen[0].size() < std::size_t{2} * kThreads * kEvents) {
                const auto more = drain("live");
                seen[0].insert(seen[0].end(), more.begin(), more.end());
            }
        });
    }
    EXPECT_EQ(drain("late"), seen[0]);
    std::vector<int> next(kThreads, 0);
    for (const std::string& payload : seen[0]) {
        const auto comma = payload.find(',');
        const auto thread = static_cast<std::size_t>(std::stoi(payload.substr(1)));
        EXPECT_EQ(std::stoi(payload.substr(comma + 1)), next[thread]++);
    }
}

}  // namespace
}  // namespace capstan::events
