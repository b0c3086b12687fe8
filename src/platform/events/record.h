#pragma once

// The bytes of one event in a segment, little-endian:
//
//   u32 length of the body · u32 CRC-32C of the length and the body
//   body: u64 offset · i64 time_ms · u32 index in its write group · u32 schema_version
//         u32 payload length · u16 type length · u16 key length · u16 id length · u16 zero
//         type · key · id · payload
//
// A write group is what one write and one fdatasync put on the disk. Its index in the group lets a reader
// tell a torn tail (the damage is in the last group, which nobody was told of) from damage to events that
// were acknowledged.

#include <cstdint>
#include <string>
#include <string_view>

#include "platform/events/event_log.h"

namespace capstan::events {

inline constexpr std::size_t kRecordHeaderBytes = 8;
inline constexpr std::size_t kBodyHeaderBytes = 36;
inline constexpr std::size_t kTypeBytesMax = 128;
inline constexpr std::size_t kKeyBytesMax = 1'024;
inline constexpr std::size_t kIdBytesMax = 256;
inline constexpr std::size_t kPayloadBytesMax = std::size_t{64} << 20;  // No configuration may allow more.

struct RecordPlace {
    std::int64_t offset = 0;
    std::int64_t time_ms = 0;
    std::uint32_t index_in_group = 0;
};

// Appends the event's record to `out`. Its strings must be within the limits above.
void append_record(std::string& out, const NewEvent& event, const RecordPlace& place);

std::size_t record_bytes(const NewEvent& event);

enum class RecordState {
    kWhole,
    kTooShort,  // Could be whole if more bytes followed.
    kBad,
};

// A record as views into the bytes that it was read from.
struct RecordView {
    RecordPlace place;
    int schema_version = 0;
    std::string_view type;
    std::string_view key;
    std::string_view id;
    std::string_view payload;
    std::size_t bytes = 0;  // Of the whole record.
};

// Reads the record at the front of `bytes`. Never reads outside them, whatever they are.
RecordState read_record(std::string_view bytes, RecordView& record);

Event event_from(const RecordView& record);

}  // namespace capstan::events
