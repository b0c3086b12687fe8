// What the local event log makes of files that a crash or a bad disk has left.

#include "platform/events/test_event_log.h"

namespace capstan::events {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class DamagedEventLogs : public EventLogs {};

TEST_F(DamagedEventLogs, CutATornTailAndSayHowMuch) {
    append({event("1"), event("2")});
    const auto path = segments().back();
    const auto whole = std::filesystem::file_size(path);
    std::string record;
    append_record(record, event("torn"), {.offset = 2});
    for (std::size_t kept = 1; kept < record.size(); kept += 7) {
        log_.reset();
        std::ofstream(path, std::ios::app | std::ios::binary) << record.substr(0, kept);
        reopen();
        ASSERT_EQ(log_->torn_tails().size(), 1U) << kept;
        EXPECT_EQ(log_->torn_tails()[0].bytes, kept);
        EXPECT_EQ(std::filesystem::file_size(path), whole);
    }
    EXPECT_THAT(append({event("3")}), ElementsAre(2));
    EXPECT_THAT(drain("c"), ElementsAre("1", "2", "3"));
}

TEST_F(DamagedEventLogs, CutATornGroupWhoseLaterPartReachedTheDiskFirst) {
    append({event("1")});
    const auto path = segments().back();
    const auto whole = std::filesystem::file_size(path);
    append({event("2"), event("3"), event("4")});
    log_.reset();
    damage(path, whole + 20);
    reopen();
    ASSERT_EQ(log_->torn_tails().size(), 1U);
    EXPECT_THAT(drain("c"), ElementsAre("1"));
}

TEST_F(DamagedEventLogs, RefuseToOpenWhenAcknowledgedEventsAreDamaged) {
    append({event("1"), event("2")});
    append({event("3")});
    log_.reset();
    damage(segments().back(), 60);
    const auto opened = LocalEventLog::open(options_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(opened.error().message, HasSubstr("damaged at byte 32"));
}

TEST_F(DamagedEventLogs, NameTheSegmentThatIsDamagedAndReadOnBehindIt) {
    options_.remembered_ids = 1;
    fill(30);
    ASSERT_GT(segments().size(), 3U);
    const auto first = segments().front();
    log_.reset();
    damage(first, 3'000);
    reopen();
    EXPECT_EQ(poll("c").events.size(), 2U);
    ASSERT_TRUE(log_->commit("facts", "c", 2));
    const auto stuck = log_->poll({.topic = "facts", .consumer = "c"});
    EXPECT_THAT(stuck.error().message, HasSubstr(first.string()));
    ASSERT_TRUE(log_->commit("facts", "c", 8));
    EXPECT_EQ(drain("c").size(), 22U);
}

TEST_F(DamagedEventLogs, FindAnyOffsetInAnySegment) {
    fill(60);
    for (int round = 0; round < 2; ++round) {
        for (const int offset : {0, 7, 8, 9, 31, 59}) {
            ASSERT_TRUE(log_->rewind("facts", "c", offset));
            EXPECT_EQ(poll("c", 1).events[0].payload, fmt::format("\"{:01000}\"", offset));
        }
        reopen();
    }
}

TEST_F(DamagedEventLogs, SurviveARestInASealedSegmentThatWasTakenBack) {
    options_.remembered_ids = 1;
    fill(30);
    log_.reset();
    std::ofstream(segments().front(), std::ios::app | std::ios::binary) << "half a write";
    reopen();
    EXPECT_EQ(drain("c").size(), 30U);
}

TEST_F(DamagedEventLogs, StartAgainAfterACrashThatMadeAnEmptySegment) {
    fill(9);
    log_.reset();
    const auto segment = folder_ / "facts" / fmt::format("{:020}.log", 9);
    std::ofstream(segment, std::ios::binary) << "CAPEV";
    reopen();
    EXPECT_THAT(append({event("9")}), ElementsAre(9));
    EXPECT_EQ(drain("c").size(), 10U);
}

}  // namespace
}  // namespace capstan::events
