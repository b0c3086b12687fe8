// The other half of Topic: opening, reading, consumers and retention.

#include <algorithm>
#include <chrono>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "platform/events/topic.h"

namespace capstan::events {
namespace {

Result<SegmentScan> scan_file(
    const std::filesystem::path& path, const std::function<void(const RecordView&)>& visit
) {
    const Result<MappedFile> file = MappedFile::open(path);
    if (!file) {
        return file.error();
    }
    return scan_segment(file->bytes(), visit);
}

Error damaged(const std::filesystem::path& path, std::uint64_t at) {
    return {
        ErrorCode::kUnavailable,
        fmt::format(
            "{} is damaged at byte {}, and acknowledged events follow: restore it from a backup",
            path.string(),
            at
        )
    };
}

}  // namespace

Result<std::unique_ptr<Topic>> Topic::open(
    const LocalEventLogOptions& options, const std::string& name, std::vector<TornTail>& torn_tails
) {
    std::unique_ptr<Topic> topic(new Topic(options, name));
    if (Result<void> loaded = topic->load(torn_tails); !loaded) {
        return with_context("topic " + name, loaded.error());
    }
    return topic;
}

Result<void> Topic::load(std::vector<TornTail>& torn_tails) {
    Result<std::unique_ptr<Consumers>> consumers = Consumers::open(folder_ / "consumers");
    if (!consumers) {
        return consumers.error();
    }
    consumers_ = std::move(*consumers);
    std::vector<std::int64_t> firsts;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
        if (const std::int64_t first = offset_in_name(entry.path().filename().string()); first >= 0) {
            firsts.push_back(first);
        }
    }
    std::ranges::sort(firsts);
    for (std::size_t i = 0; i + 1 < firsts.size(); ++i) {
        const std::filesystem::path path = segment_path(folder_, firsts[i]);
        struct stat status{};
        if (::stat(path.c_str(), &status) != 0) {
            return Error{
                ErrorCode::kUnavailable, fmt::format("cannot look at {}: errno {}", path.string(), errno)
            };
        }
        segments_.emplace(
            firsts[i],
            Segment{
                .bytes = static_cast<std::uint64_t>(status.st_size),
                .last_time_ms = status.st_mtim.tv_sec * 1000,
                .index = std::nullopt,
            }
        );
    }
    if (Result<void> newest = firsts.empty() ? start_segment(0) : load_newest(firsts.back(), torn_tails);
        !newest) {
        return newest;
    }
    return load_ids();
}

Result<void> Topic::load_newest(std::int64_t first_offset, std::vector<TornTail>& torn_tails) {
    const std::filesystem::path path = segment_path(folder_, first_offset);
    Result<FileDescriptor> file = open_file(path, O_RDWR | O_CLOEXEC);
    if (!file) {
        return file.error();
    }
    Result<SegmentScan> scan = scan_file(path, [](const RecordView&) {});
    if (!scan) {
        return scan.error();
    }
    const bool is_other = scan->whole_bytes > 0 && scan->first_offset != first_offset;
    if (scan->end == SegmentEnd::kDamaged || is_other) {
        return damaged(path, is_other ? 0 : scan->whole_bytes);
    }
    if (scan->end == SegmentEnd::kTorn) {
        const std::uint64_t size = std::filesystem::file_size(path);
        torn_tails.push_back({.segment = path, .bytes = size - scan->whole_bytes});
        log_warning(
            "cut off events that were never acknowledged",
            {{"segment", path.string()}, {"bytes", static_cast<std::int64_t>(size - scan->whole_bytes)}}
        );
    }
    next_offset_ = first_offset;
    if (scan->whole_bytes == 0) {
        return start_segment(first_offset);  // Not even its header had reached the disk.
    }
    if (::ftruncate(file->get(), static_cast<off_t>(scan->whole_bytes)) != 0 ||
        ::lseek(file->get(), 0, SEEK_END) < 0) {
        return Error{ErrorCode::kUnavailable, fmt::format("cannot cut {}: errno {}", path.string(), errno)};
    }
    // What was read may have been in the page cache only, if the process died but the machine did not.
    if (Result<void> synced = sync_file(file->get(), path); !synced) {
        return synced;
    }
    file_ = std::move(*file);
    next_offset_ = scan->next_offset;
    segments_.emplace(
        first_offset,
        Segment{
            .bytes = scan->whole_bytes, .last_time_ms = options_->now_ms(), .index = std::move(scan->index)
        }
    );
    return {};
}

// Reads the newest segments again, from the first that the window of ids reaches.
Result<void> Topic::load_ids() {
    const std::int64_t oldest = next_offset_ - static_cast<std::int64_t>(options_->remembered_ids);
    auto segment = segments_.upper_bound(oldest);
    segment = segment == segments_.begin() ? segment : std::prev(segment);
    for (; segment != segments_.end(); ++segment) {
        const std::filesystem::path path = segment_path(folder_, segment->first);
        Result<SegmentScan> scan = scan_file(path, [&](const RecordView& record) {
            recent_ids_.add(record.id, record.place.offset);
        });
        if (!scan) {
            return scan.error();
        }
        const auto following = std::next(segment);
        const std::int64_t end = following == segments_.end() ? next_offset_ : following->first;
        if (scan->next_offset != end || scan->first_offset != segment->first) {
            return damaged(path, scan->whole_bytes);
        }
        segment->second.index = std::move(scan->index);
        segment->second.bytes = scan->whole_bytes;
    }
    return {};
}

Result<Polled> Topic::poll(const PollRequest& request) {
    std::optional<std::int64_t> committed = consumers_->find(request.consumer);
    if (!committed) {
        const std::int64_t oldest = state().first_offset;
        if (Result<void> known = consumers_->set(request.consumer, oldest); !known) {
            return known.error();
        }
        committed = oldest;
    }
    for (;;) {
        Result<Polled> polled = read_from(*committed, request);
        if (polled || polled.error().code != ErrorCode::kNotFound) {
            return polled;
        }
        // Retention dropped the segment while we turned to it: read on from what is kept.
    }
}

Result<Polled> Topic::read_from(std::int64_t committed, const PollRequest& request) {
    std::unique_lock lock(mutex_);
    told_.wait_for(lock, std::chrono::milliseconds(request.wait_ms), [&] {
        return next_offset_ > committed;
    });
    const std::int64_t from = std::max(committed, first_offset());
    Polled polled{.events = {}, .next_offset = from, .lost = from - committed};
    if (from >= next_offset_) {
        return polled;
    }
    Result<SegmentRead> read = place_of(from, lock);
    if (!read) {
        return read.error();
    }
    read->events_max = request.events_max;
    Result<std::vector<Event>> events = read_segment(*read);
    if (!events) {
        return events.error();
    }
    if (events->empty()) {
        return damaged(read->path, read->end);
    }
    polled.events = std::move(*events);
    polled.next_offset = from + static_cast<std::int64_t>(polled.events.size());
    return polled;
}

// Where to read from; lets the lock go.
Result<SegmentRead> Topic::place_of(std::int64_t offset, std::unique_lock<std::mutex>& lock) {
    const auto segment = std::prev(segments_.upper_bound(offset));
    const std::int64_t first = segment->first;
    const std::int64_t end_offset =
        std::next(segment) == segments_.end() ? next_offset_ : std::next(segment)->first;
    SegmentRead read{
        .path = segment_path(folder_, first),
        .position = 0,
        .end = segment->second.bytes,
        .from_offset = offset
    };
    if (segment->second.index) {
        read.position = segment->second.index->position_before(offset);
        lock.unlock();
        return read;
    }
    lock.unlock();
    // Of a segment from before the start, which no longer changes. Behind what is whole may stand the rest of
    // a write that was taken back.
    Result<SegmentScan> scan = scan_file(read.path, [](const RecordView&) {});
    if (!scan) {
        return scan.error();
    }
    if (scan->next_offset == end_offset) {
        read.end = scan->whole_bytes;
    }
    read.position = scan->index.position_before(offset);
    const std::scoped_lock again(mutex_);
    if (const auto still = segments_.find(first); still != segments_.end()) {
        still->second.index = std::move(scan->index);
        still->second.bytes = read.end;
    }
    return read;
}

Result<void> Topic::commit(std::string_view consumer, std::int64_t next_offset) {
    if (next_offset < 0 || next_offset > state().next_offset) {
        return Error{
            ErrorCode::kInvalid, fmt::format("topic {} has no offset {} to commit", name_, next_offset)
        };
    }
    return consumers_->advance(consumer, next_offset);
}

Result<void> Topic::rewind(std::string_view consumer, std::int64_t next_offset) {
    const TopicState now = state();
    if (next_offset < now.first_offset || next_offset > now.next_offset) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format(
                "topic {} keeps the offsets {} to {}, not {}",
                name_,
                now.first_offset,
                now.next_offset,
                next_offset
            )
        };
    }
    return consumers_->set(consumer, next_offset);
}

Result<void> Topic::forget(std::string_view consumer) {
    return consumers_->forget(consumer);
}

TopicState Topic::state() const {
    const std::scoped_lock lock(mutex_);
    return {
        .first_offset = first_offset(),
        .next_offset = next_offset_,
        .bytes = bytes(),
        .consumers = consumers_->all()
    };
}

std::uint64_t Topic::bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [first, segment] : segments_) {
        sum += segment.bytes;
    }
    return sum;
}

bool Topic::is_expired(const Segment& oldest, std::int64_t now_ms) const {
    return bytes() > options_->retain_bytes || oldest.last_time_ms < now_ms - options_->retain_ms;
}

Result<void> Topic::retain() {
    const std::int64_t now_ms = options_->now_ms();
    const std::scoped_lock dropping(drop_mutex_);
    for (;;) {
        {
            const std::scoped_lock lock(mutex_);
            if (segments_.size() == 1 || !is_expired(segments_.begin()->second, now_ms)) {
                return {};
            }
            const std::int64_t end = std::next(segments_.begin())->first;
            if (consumers_->slowest().value_or(end) < end) {
                return {};
            }
        }
        if (Result<void> dropped = drop_oldest(); !dropped) {
            return dropped;
        }
    }
}

// Oldest first, each on the disk before the next, so that a crash leaves no gap.
Result<void> Topic::drop_oldest() {
    std::filesystem::path path;
    {
        const std::scoped_lock lock(mutex_);
        path = segment_path(folder_, segments_.begin()->first);
        segments_.erase(segments_.begin());
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return Error{
            ErrorCode::kUnavailable, fmt::format("cannot remove {}: errno {}", path.string(), errno)
        };
    }
    return sync_folder(folder_);
}

}  // namespace capstan::events
