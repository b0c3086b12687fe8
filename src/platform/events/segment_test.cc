#include "platform/events/segment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capstan::events {
namespace {

std::string segment_of(int events, int group) {
    std::string bytes = segment_header(100, 5);
    for (int i = 0; i < events; ++i) {
        append_record(
            bytes,
            {.type = "T", .key = "key", .id = "id", .payload = std::string(static_cast<std::size_t>(i), 'x')},
            {.offset = 100 + i, .time_ms = i, .index_in_group = static_cast<std::uint32_t>(i % group)}
        );
    }
    return bytes;
}

SegmentScan scan(std::string_view bytes) {
    return scan_segment(bytes, [](const RecordView&) {});
}

TEST(Segments, AreReadBackAsWritten) {
    const std::string bytes = segment_of(50, 7);
    std::int64_t offset = 100;
    const SegmentScan found = scan_segment(bytes, [&](const RecordView& record) {
        EXPECT_EQ(record.place.offset, offset++);
        EXPECT_EQ(record.type, "T");
        EXPECT_EQ(record.key, "key");
        EXPECT_EQ(record.id, "id");
        EXPECT_EQ(record.payload.size(), static_cast<std::size_t>(record.place.offset - 100));
    });
    EXPECT_EQ(found.end, SegmentEnd::kClean);
    EXPECT_EQ(found.next_offset, 150);
    EXPECT_EQ(found.created_ms, 5);
    EXPECT_EQ(found.whole_bytes, bytes.size());
}

TEST(Segments, AreTornWhereverTheyAreCut) {
    const std::string bytes = segment_of(10, 3);
    for (std::size_t kept = 0; kept < bytes.size(); ++kept) {
        const SegmentScan found = scan(std::string_view(bytes).substr(0, kept));
        EXPECT_NE(found.end, SegmentEnd::kDamaged) << kept;
        EXPECT_LE(found.whole_bytes, kept);
        EXPECT_EQ(scan(std::string_view(bytes).substr(0, found.whole_bytes)).next_offset, found.next_offset);
    }
}

TEST(Segments, NoticeEveryTurnedBitAndTellTornFromDamaged) {
    const std::string bytes = segment_of(10, 3);  // The last group is the event 109 alone.
    const std::size_t last_group = bytes.size() - kRecordHeaderBytes - kBodyHeaderBytes - 6 - 9;
    for (std::size_t at = kSegmentHeaderBytes; at < bytes.size(); ++at) {
        std::string broken = bytes;
        broken[at] = static_cast<char>(broken[at] ^ 0x10);
        const SegmentScan found = scan(broken);
        EXPECT_EQ(found.end, at >= last_group ? SegmentEnd::kTorn : SegmentEnd::kDamaged) << at;
        EXPECT_LE(found.whole_bytes, at);
    }
}

TEST(Segments, AreDamagedWhenTheirHeaderIs) {
    std::string bytes = segment_of(1, 1);
    bytes[9] = static_cast<char>(bytes[9] ^ 1);
    EXPECT_EQ(scan(bytes).end, SegmentEnd::kDamaged);
    EXPECT_EQ(scan(std::string(kSegmentHeaderBytes, '\0')).end, SegmentEnd::kTorn);
}

TEST(Segments, DoNotTrustLengthsInsideARecord) {
    std::string huge(100, '\xff');
    RecordView record;
    EXPECT_EQ(read_record(huge, record), RecordState::kBad);
    EXPECT_EQ(read_record(std::string(100, '\0'), record), RecordState::kBad);
    EXPECT_EQ(read_record("", record), RecordState::kTooShort);
}

TEST(Segments, AreCalledByTheirFirstOffset) {
    EXPECT_EQ(segment_path("f", 42), "f/00000000000000000042.log");
    EXPECT_EQ(offset_in_name("00000000000000000042.log"), 42);
    for (const char* name :
         {"",
          "42.log",
          "0000000000000000004x.log",
          "-0000000000000000042.log",
          "00000000000000000042.txt",
          "99999999999999999999.log"}) {
        EXPECT_EQ(offset_in_name(name), -1) << name;
    }
}

TEST(SegmentIndexes, FindTheLastPlaceBeforeAnOffset) {
    SegmentIndex index;
    EXPECT_EQ(index.position_before(5), kSegmentHeaderBytes);
    index.add(10, 32);
    index.add(11, 64);  // Too near to be kept.
    index.add(20, 32 + kIndexStepBytes);
    EXPECT_EQ(index.position_before(9), 32U);
    EXPECT_EQ(index.position_before(19), 32U);
    EXPECT_EQ(index.position_before(20), 32 + kIndexStepBytes);
    EXPECT_EQ(index.position_before(1'000), 32 + kIndexStepBytes);
}

}  // namespace
}  // namespace capstan::events
