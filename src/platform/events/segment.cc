#include "platform/events/segment.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/hash.h"

namespace capstan::events {
namespace {

constexpr std::string_view kMagic = "CAPEVT01";
constexpr std::size_t kReadBytes = std::size_t{256} << 10;
// The work that the search for records behind damage may do, in bytes checksummed. Beyond it: damaged.
constexpr std::size_t kSearchBytesMax = std::size_t{256} << 20;

template <typename Number>
Number number_at(std::string_view bytes, std::size_t at) {
    Number value{};
    std::memcpy(&value, bytes.data() + at, sizeof(value));
    return value;
}

// Whether behind the record that should have `next_offset` stands one of a later write group: then the broken
// one had been acknowledged, for a group is written when the one before is on the disk.
bool has_later_group(std::string_view rest, std::int64_t next_offset) {
    std::size_t searched = 0;
    for (std::size_t at = 1; at + kRecordHeaderBytes + kBodyHeaderBytes <= rest.size(); ++at) {
        const std::string_view candidate = rest.substr(at);
        const auto offset = number_at<std::int64_t>(candidate, kRecordHeaderBytes);
        const std::size_t body_bytes = number_at<std::uint32_t>(candidate, 0);
        if (offset <= next_offset || offset - next_offset > static_cast<std::int64_t>(rest.size()) ||
            body_bytes > candidate.size()) {
            continue;
        }
        searched += body_bytes;
        if (searched > kSearchBytesMax) {
            return true;
        }
        RecordView record;
        if (read_record(candidate, record) == RecordState::kWhole) {
            if (record.place.offset - record.place.index_in_group > next_offset) {
                return true;
            }
            at += record.bytes - 1;
        }
    }
    return false;
}

Result<void> fill(
    std::string& buffer,
    std::size_t wanted,
    const FileDescriptor& file,
    const SegmentRead& read,
    std::uint64_t position
) {
    while (buffer.size() < wanted) {
        const std::size_t had = buffer.size();
        buffer.resize(wanted);
        const ssize_t count =
            ::pread(file.get(), buffer.data() + had, wanted - had, static_cast<off_t>(position + had));
        buffer.resize(had + (count > 0 ? static_cast<std::size_t>(count) : 0));
        if (count == 0) {
            errno = EIO;  // Shorter than it was: for the message.
        }
        if (count == 0 || (count < 0 && errno != EINTR)) {
            return Error{
                ErrorCode::kUnavailable,
                fmt::format("cannot read {} at byte {}: errno {}", read.path.string(), position + had, errno)
            };
        }
    }
    return {};
}

}  // namespace

void SegmentIndex::add(std::int64_t offset, std::uint64_t position) {
    if (entries_.empty() || position - entries_.back().position >= kIndexStepBytes) {
        entries_.push_back({.offset = offset, .position = position});
    }
}

std::uint64_t SegmentIndex::position_before(std::int64_t offset) const {
    const auto after = std::ranges::upper_bound(entries_, offset, {}, &Entry::offset);
    return after == entries_.begin() ? kSegmentHeaderBytes : std::prev(after)->position;
}

std::string segment_header(std::int64_t first_offset, std::int64_t created_ms) {
    std::string header(kMagic);
    header.append(reinterpret_cast<const char*>(&first_offset), sizeof(first_offset));
    header.append(reinterpret_cast<const char*>(&created_ms), sizeof(created_ms));
    header.append(4, '\0');
    const std::uint32_t checksum = crc32c(header);
    header.append(reinterpret_cast<const char*>(&checksum), sizeof(checksum));
    return header;
}

SegmentScan scan_segment(std::string_view bytes, const std::function<void(const RecordView&)>& visit) {
    SegmentScan scan;
    if (bytes.size() < kSegmentHeaderBytes) {
        scan.end = SegmentEnd::kTorn;
        return scan;
    }
    const std::string_view header = bytes.substr(0, kSegmentHeaderBytes);
    if (!header.starts_with(kMagic) || number_at<std::uint32_t>(header, 28) != crc32c(header.substr(0, 28)) ||
        number_at<std::int64_t>(header, 8) < 0) {
        // Records follow only on a header that is on the disk: with more than a header, this is damage.
        scan.end = bytes.size() == kSegmentHeaderBytes ? SegmentEnd::kTorn : SegmentEnd::kDamaged;
        return scan;
    }
    scan.first_offset = number_at<std::int64_t>(header, 8);
    scan.next_offset = scan.first_offset;
    scan.created_ms = number_at<std::int64_t>(header, 16);
    scan.whole_bytes = kSegmentHeaderBytes;
    RecordView record;
    while (scan.whole_bytes < bytes.size()) {
        const std::string_view rest = bytes.substr(scan.whole_bytes);
        if (read_record(rest, record) != RecordState::kWhole || record.place.offset != scan.next_offset) {
            scan.end = has_later_group(rest, scan.next_offset) ? SegmentEnd::kDamaged : SegmentEnd::kTorn;
            return scan;
        }
        visit(record);
        scan.index.add(record.place.offset, scan.whole_bytes);
        scan.whole_bytes += record.bytes;
        scan.next_offset += 1;
    }
    return scan;
}

std::filesystem::path segment_path(const std::filesystem::path& folder, std::int64_t first_offset) {
    return folder / fmt::format("{:020}.log", first_offset);
}

std::int64_t offset_in_name(std::string_view name) {
    std::int64_t offset = -1;
    if (name.size() != 24 || !name.ends_with(".log")) {
        return -1;
    }
    const auto [end, problem] = std::from_chars(name.data(), name.data() + 20, offset);
    return problem == std::errc() && end == name.data() + 20 && offset >= 0 ? offset : -1;
}

Result<std::vector<Event>> read_segment(const SegmentRead& read) {
    const Result<FileDescriptor> file = open_file(read.path, O_RDONLY | O_CLOEXEC);
    if (!file) {
        return file.error();
    }
    std::vector<Event> events;
    std::string buffer;
    std::size_t used = 0;  // Of the buffer.
    std::size_t taken_bytes = 0;
    std::uint64_t position = read.position;  // Of the buffer's first byte.
    std::size_t wanted = kReadBytes;
    while (position + used < read.end && events.size() < read.events_max && taken_bytes < read.bytes_max) {
        RecordView record;
        const RecordState state = read_record(std::string_view(buffer).substr(used), record);
        if (state == RecordState::kTooShort && position + buffer.size() < read.end) {
            buffer.erase(0, used);
            position += std::exchange(used, 0);
            wanted = std::max(kReadBytes, 2 * buffer.size());
            const auto until = std::min<std::uint64_t>(wanted, read.end - position);
            if (Result<void> filled = fill(buffer, until, *file, read, position); !filled) {
                return filled.error();
            }
            continue;
        }
        if (state != RecordState::kWhole && !events.empty()) {
            return events;  // What is before the damage first.
        }
        if (state != RecordState::kWhole) {
            return Error{
                ErrorCode::kUnavailable,
                fmt::format(
                    "{} is damaged at byte {}: restore it from a backup, or commit an offset behind the "
                    "damage",
                    read.path.string(),
                    position + used
                )
            };
        }
        used += record.bytes;
        if (record.place.offset >= read.from_offset) {
            taken_bytes += record.bytes;
            events.push_back(event_from(record));
        }
    }
    return events;
}

}  // namespace capstan::events
