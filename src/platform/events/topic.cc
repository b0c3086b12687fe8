#include "platform/events/topic.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf8.h"

namespace capstan::events {
namespace {

constexpr std::size_t kGroupBytesMax = std::size_t{4} << 20;

Error too_large(std::string_view what, std::size_t bytes, std::size_t bytes_max) {
    return {
        ErrorCode::kTooLarge, fmt::format("the event's {} has {} bytes; at most {}", what, bytes, bytes_max)
    };
}

Result<void> check_event(const NewEvent& event, std::size_t payload_bytes_max) {
    struct Part {
        std::string_view name;
        std::string_view text;
        std::size_t bytes_max;
    };

    const std::array<Part, 4> parts{{
        {.name = "type", .text = event.type, .bytes_max = kTypeBytesMax},
        {.name = "key", .text = event.key, .bytes_max = kKeyBytesMax},
        {.name = "id", .text = event.id, .bytes_max = kIdBytesMax},
        {.name = "payload", .text = event.payload, .bytes_max = payload_bytes_max},
    }};
    for (const Part& part : parts) {
        if (part.text.size() > part.bytes_max) {
            return too_large(part.name, part.text.size(), part.bytes_max);
        }
        if (!is_utf8(part.text)) {
            return Error{ErrorCode::kInvalid, fmt::format("the event's {} is not UTF-8", part.name)};
        }
    }
    if (event.type.empty()) {
        return Error{ErrorCode::kInvalid, "an event needs a type"};
    }
    return {};
}

}  // namespace

Topic::Topic(const LocalEventLogOptions& options, std::string name)
    : options_(&options),
      name_(std::move(name)),
      folder_(options.folder / name_),
      recent_ids_(options.remembered_ids) {}

Result<void> Topic::check(const std::vector<NewEvent>& events) const {
    for (const NewEvent& event : events) {
        if (Result<void> fine = check_event(event, options_->event_bytes_max); !fine) {
            return fine;
        }
    }
    return {};
}

Result<std::vector<std::int64_t>> Topic::append(const std::vector<NewEvent>& events) {
    if (Result<void> fine = check(events); !fine) {
        return fine.error();
    }
    Waiting self{.events = &events, .bytes = 0, .offsets = {}, .result = {}};
    for (const NewEvent& event : events) {
        self.bytes += record_bytes(event);
    }
    if (self.bytes > options_->waiting_bytes_max) {
        return Error{
            ErrorCode::kTooLarge,
            fmt::format("{} bytes of events at once; at most {}", self.bytes, options_->waiting_bytes_max)
        };
    }
    std::unique_lock lock(mutex_);
    const bool has_room = settled_.wait_for(lock, std::chrono::milliseconds(options_->wait_ms_max), [&] {
        return waiting_bytes_ == 0 || waiting_bytes_ + self.bytes <= options_->waiting_bytes_max;
    });
    if (!has_room) {
        return Error{
            ErrorCode::kExhausted,
            fmt::format("topic {}: {} bytes wait for the disk already", name_, waiting_bytes_)
        };
    }
    waiting_bytes_ += self.bytes;
    waiting_.push_back(&self);
    while (!self.result) {
        if (is_writing_) {
            settled_.wait(lock);
        } else {
            write_waiting(lock);
        }
    }
    if (!*self.result) {
        return self.result->error();
    }
    return std::move(self.offsets);
}

// Writes the next group of those that wait. The lock is let go while the disk works.
void Topic::write_waiting(std::unique_lock<std::mutex>& lock) {
    is_writing_ = true;
    Group group = take_group();
    lock.unlock();
    encode(group);
    const Result<void> written = group.places.empty() ? Result<void>() : write(group);
    lock.lock();
    if (written) {
        publish(group);
    }
    for (Waiting* member : group.members) {
        waiting_bytes_ -= member->bytes;
        member->result = written;
    }
    is_writing_ = false;
    settled_.notify_all();
}

Topic::Group Topic::take_group() {
    Group group;
    group.next_offset = next_offset_;
    std::size_t bytes = 0;
    while (!waiting_.empty() && (group.members.empty() || bytes + waiting_.front()->bytes <= kGroupBytesMax)
    ) {
        bytes += waiting_.front()->bytes;
        group.members.push_back(waiting_.front());
        waiting_.pop_front();
    }
    group.bytes.reserve(bytes);
    return group;
}

void Topic::encode(Group& group) {
    const std::int64_t now_ms = options_->now_ms();
    for (Waiting* member : group.members) {
        for (const NewEvent& event : *member->events) {
            encode_one(group, event, now_ms, *member);
        }
    }
}

void Topic::encode_one(Group& group, const NewEvent& event, std::int64_t now_ms, Waiting& member) {
    if (!event.id.empty()) {
        const auto in_group = group.offsets_by_id.find(event.id);
        const auto known = in_group == group.offsets_by_id.end() ? recent_ids_.find(event.id)
                                                                 : std::optional(in_group->second);
        if (known) {
            member.offsets.push_back(*known);
            return;
        }
        group.offsets_by_id.emplace(event.id, group.next_offset);
    }
    const RecordPlace place{
        .offset = group.next_offset++,
        .time_ms = event.time_ms == 0 ? now_ms : event.time_ms,
        .index_in_group = static_cast<std::uint32_t>(group.places.size()),
    };
    group.places.emplace_back(place.offset, group.bytes.size());
    group.ids.emplace_back(event.id);
    append_record(group.bytes, event, place);
    member.offsets.push_back(place.offset);
}

Result<void> Topic::write(const Group& group) {
    if (broken_) {
        return *broken_;
    }
    if (Result<void> room = make_room(group.bytes.size()); !room) {
        return room;
    }
    std::uint64_t end = 0;
    std::filesystem::path path;
    {
        const std::scoped_lock lock(mutex_);
        end = segments_.rbegin()->second.bytes;
        path = segment_path(folder_, segments_.rbegin()->first);
    }
    Result<void> written = write_all(file_.get(), group.bytes, path);
    if (!written) {
        // Take back what a full disk has let us write; if that fails, only a new start can tell what is
        // there.
        if (::ftruncate(file_.get(), static_cast<off_t>(end)) != 0 ||
            ::lseek(file_.get(), static_cast<off_t>(end), SEEK_SET) < 0) {
            broken_ = written.error();
        }
        return written;
    }
    if (::fdatasync(file_.get()) != 0) {
        broken_ = Error{
            ErrorCode::kUnavailable,
            fmt::format(
                "{}: the disk failed (errno {}); start again to find out what it kept", path.string(), errno
            )
        };
        return *broken_;
    }
    return {};
}

// Starts a new segment when the newest is full, and holds the topic below its limit.
Result<void> Topic::make_room(std::size_t bytes_needed) {
    bool is_full = false;
    {
        const std::scoped_lock lock(mutex_);
        is_full = segments_.rbegin()->second.bytes >= options_->segment_bytes;
    }
    if (is_full) {
        if (Result<void> started = start_segment(next_offset_); !started) {
            return started;
        }
        if (Result<void> retained = retain(); !retained) {
            return retained;
        }
    }
    const std::scoped_lock dropping(drop_mutex_);
    for (;;) {
        {
            const std::scoped_lock lock(mutex_);
            if (bytes() + bytes_needed <= options_->bytes_max) {
                return {};
            }
            if (options_->when_full == WhenFull::kRefuse || segments_.size() == 1) {
                return Error{
                    ErrorCode::kExhausted,
                    fmt::format(
                        "topic {} is full ({} bytes) and its consumers lag", name_, options_->bytes_max
                    )
                };
            }
        }
        if (Result<void> dropped = drop_oldest(); !dropped) {
            return dropped;
        }
    }
}

Result<void> Topic::start_segment(std::int64_t first_offset) {
    const std::filesystem::path path = segment_path(folder_, first_offset);
    // What may be there is the empty rest of a start that failed: no event has this offset yet.
    Result<FileDescriptor> file = open_file(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (!file) {
        return file.error();
    }
    const std::int64_t now_ms = options_->now_ms();
    if (Result<void> written = write_all(file->get(), segment_header(first_offset, now_ms), path); !written) {
        return written;
    }
    if (Result<void> synced = sync_file(file->get(), path); !synced) {
        return synced;
    }
    if (Result<void> synced = sync_folder(folder_); !synced) {
        return synced;
    }
    file_ = std::move(*file);
    const std::scoped_lock lock(mutex_);
    segments_.emplace(
        first_offset, Segment{.bytes = kSegmentHeaderBytes, .last_time_ms = now_ms, .index = SegmentIndex()}
    );
    return {};
}

// Makes the group known to readers. The lock is held.
void Topic::publish(const Group& group) {
    Segment& newest = segments_.rbegin()->second;
    for (std::size_t i = 0; i < group.places.size(); ++i) {
        const auto& [offset, position] = group.places[i];
        newest.index->add(offset, newest.bytes + position);
        recent_ids_.add(group.ids[i], offset);
    }
    if (!group.places.empty()) {
        newest.bytes += group.bytes.size();
        newest.last_time_ms = options_->now_ms();
        next_offset_ = group.next_offset;
        told_.notify_all();
    }
}

}  // namespace capstan::events
