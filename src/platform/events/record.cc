#include "platform/events/record.h"

#include <bit>
#include <cstring>

#include "base/hash.h"

namespace capstan::events {
namespace {

static_assert(std::endian::native == std::endian::little, "segments are little-endian, and so must we be");

// The largest body that any record may have; a length above it is damage, not a long record.
constexpr std::size_t kBodyBytesMax =
    kBodyHeaderBytes + kTypeBytesMax + kKeyBytesMax + kIdBytesMax + kPayloadBytesMax;

template <typename Number>
void append(std::string& out, Number value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename Number>
Number number_at(std::string_view bytes, std::size_t at) {
    Number value{};
    std::memcpy(&value, bytes.data() + at, sizeof(value));
    return value;
}

std::string_view take(std::string_view& rest, std::size_t count) {
    const std::string_view taken = rest.substr(0, count);
    rest.remove_prefix(count);
    return taken;
}

std::uint32_t checksum_of(std::string_view record) {
    return crc32c(record.substr(kRecordHeaderBytes), crc32c(record.substr(0, 4)));
}

}  // namespace

std::size_t record_bytes(const NewEvent& event) {
    return kRecordHeaderBytes + kBodyHeaderBytes + event.type.size() + event.key.size() + event.id.size() +
           event.payload.size();
}

void append_record(std::string& out, const NewEvent& event, const RecordPlace& place) {
    const std::size_t start = out.size();
    append(out, static_cast<std::uint32_t>(record_bytes(event) - kRecordHeaderBytes));
    append(out, std::uint32_t{0});  // The checksum, below.
    append(out, static_cast<std::uint64_t>(place.offset));
    append(out, place.time_ms);
    append(out, place.index_in_group);
    append(out, static_cast<std::uint32_t>(event.schema_version));
    append(out, static_cast<std::uint32_t>(event.payload.size()));
    append(out, static_cast<std::uint16_t>(event.type.size()));
    append(out, static_cast<std::uint16_t>(event.key.size()));
    append(out, static_cast<std::uint16_t>(event.id.size()));
    append(out, std::uint16_t{0});
    out.append(event.type).append(event.key).append(event.id).append(event.payload);
    const std::uint32_t checksum = checksum_of(std::string_view(out).substr(start));
    std::memcpy(out.data() + start + 4, &checksum, sizeof(checksum));
}

RecordState read_record(std::string_view bytes, RecordView& record) {
    if (bytes.size() < kRecordHeaderBytes) {
        return RecordState::kTooShort;
    }
    const std::size_t body_bytes = number_at<std::uint32_t>(bytes, 0);
    if (body_bytes < kBodyHeaderBytes || body_bytes > kBodyBytesMax) {
        return RecordState::kBad;
    }
    if (bytes.size() - kRecordHeaderBytes < body_bytes) {
        return RecordState::kTooShort;
    }
    bytes = bytes.substr(0, kRecordHeaderBytes + body_bytes);
    if (number_at<std::uint32_t>(bytes, 4) != checksum_of(bytes)) {
        return RecordState::kBad;
    }
    const std::size_t payload_bytes = number_at<std::uint32_t>(bytes, 32);
    const std::size_t type_bytes = number_at<std::uint16_t>(bytes, 36);
    const std::size_t key_bytes = number_at<std::uint16_t>(bytes, 38);
    const std::size_t id_bytes = number_at<std::uint16_t>(bytes, 40);
    if (kBodyHeaderBytes + payload_bytes + type_bytes + key_bytes + id_bytes != body_bytes) {
        return RecordState::kBad;
    }
    record.place = {
        .offset = number_at<std::int64_t>(bytes, 8),
        .time_ms = number_at<std::int64_t>(bytes, 16),
        .index_in_group = number_at<std::uint32_t>(bytes, 24),
    };
    record.schema_version = number_at<std::int32_t>(bytes, 28);
    record.bytes = bytes.size();
    std::string_view rest = bytes.substr(kRecordHeaderBytes + kBodyHeaderBytes);
    record.type = take(rest, type_bytes);
    record.key = take(rest, key_bytes);
    record.id = take(rest, id_bytes);
    record.payload = rest;
    return RecordState::kWhole;
}

Event event_from(const RecordView& record) {
    return {
        .offset = record.place.offset,
        .time_ms = record.place.time_ms,
        .type = std::string(record.type),
        .schema_version = record.schema_version,
        .key = std::string(record.key),
        .id = std::string(record.id),
        .payload = std::string(record.payload),
    };
}

}  // namespace capstan::events
