// Feeds arbitrary bytes as a segment: as they are, and behind a good header.

#include <cstdint>

#include "base/check.h"
#include "platform/events/segment.h"

namespace {

using namespace capstan::events;  // NOLINT(google-build-using-namespace): a fuzzer of this one namespace.

void scan_twice(std::string_view bytes) {
    std::int64_t visited = 0;
    const SegmentScan scan = scan_segment(bytes, [&](const RecordView& record) {
        ++visited;
        const Event event = event_from(record);
        CHECK(event.payload.size() == record.payload.size(), "the event has the record's payload");
    });
    CHECK(scan.whole_bytes <= bytes.size(), "nothing behind the end is whole");
    CHECK(scan.whole_bytes == 0 || scan.next_offset == scan.first_offset + visited, "one offset a record");
    if (scan.whole_bytes > 0) {
        const SegmentScan again = scan_segment(bytes.substr(0, scan.whole_bytes), [](const RecordView&) {});
        CHECK(again.end == SegmentEnd::kClean, "what is left after a cut is clean");
        CHECK(again.next_offset == scan.next_offset, "a cut changes nothing before it");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    scan_twice(bytes);
    scan_twice(segment_header(0, 0) + std::string(bytes));
    // A record with the right checksum, so that what is behind it is reached.
    std::string record = segment_header(0, 0);
    append_record(record, {.type = "T", .payload = std::string(bytes.substr(0, size / 2))}, {});
    scan_twice(record + std::string(bytes.substr(size / 2)));
    return 0;
}
