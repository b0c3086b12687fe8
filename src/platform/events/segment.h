#pragma once

// A segment: one file with a run of a topic's records. Only the newest of a topic grows.
//
// Header, little-endian: "CAPEVT01" · u64 first offset · i64 created_ms · u32 zero · u32 CRC-32C of all
// before. It is on the disk before the first record is written. The file's name is the first offset in 20
// digits and ".log".

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "platform/events/record.h"

namespace capstan::events {

inline constexpr std::size_t kSegmentHeaderBytes = 32;
inline constexpr std::uint64_t kIndexStepBytes = std::uint64_t{64} << 10;

// Where some records begin, at least kIndexStepBytes apart: a seek reads no more than that for nothing.
class SegmentIndex {
public:
    // In order of offsets.
    void add(std::int64_t offset, std::uint64_t position);

    // The position of the last known record at or before `offset`; of the first record when none is.
    std::uint64_t position_before(std::int64_t offset) const;

private:
    struct Entry {
        std::int64_t offset = 0;
        std::uint64_t position = 0;
    };

    std::vector<Entry> entries_;
};

enum class SegmentEnd {
    kClean,    // The file ends with a whole record, or with the header.
    kTorn,     // After whole_bytes comes a write that was never acknowledged.
    kDamaged,  // After whole_bytes comes damage, and then records that were written later.
};

struct SegmentScan {
    std::int64_t first_offset = 0;
    std::int64_t created_ms = 0;
    std::int64_t next_offset = 0;
    std::uint64_t whole_bytes =
        0;  // The header and the whole records after it; 0 when the header itself is torn.
    SegmentEnd end = SegmentEnd::kClean;
    SegmentIndex index;
};

// Goes through the bytes of a segment, whatever they are. Cost: linear.
SegmentScan scan_segment(std::string_view bytes, const std::function<void(const RecordView&)>& visit);

std::string segment_header(std::int64_t first_offset, std::int64_t created_ms);

std::filesystem::path segment_path(const std::filesystem::path& folder, std::int64_t first_offset);

// The first offset that a file's name says, or -1 when it is no segment's name.
std::int64_t offset_in_name(std::string_view name);

struct SegmentRead {
    std::filesystem::path path;
    std::uint64_t position = 0;  // Of a record.
    std::uint64_t end = 0;       // The bytes of the file that are acknowledged.
    std::int64_t from_offset = 0;
    std::size_t events_max = 1;
    std::size_t bytes_max = std::size_t{4} << 20;  // Of records; one is always read.
};

// The events from `from_offset` on. kUnavailable, naming the file and the byte, when it is damaged.
Result<std::vector<Event>> read_segment(const SegmentRead& read);

}  // namespace capstan::events
