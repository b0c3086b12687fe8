#pragma once

// One topic of the local log: its segments, the writers that wait, and its consumers. Thread-safe.
//
// Group commit: a thread that appends stands in line; the first in line that finds nobody writing takes all
// that stand there, writes them in one write and one fdatasync, and tells the others.

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "platform/events/consumers.h"
#include "platform/events/local_event_log.h"
#include "platform/events/recent_ids.h"
#include "platform/events/segment.h"

namespace capstan::events {

class Topic {
public:
    // `options` must outlive the topic. Cuts off a torn tail and reports it to `torn_tails`.
    static Result<std::unique_ptr<Topic>> open(
        const LocalEventLogOptions& options, const std::string& name, std::vector<TornTail>& torn_tails
    );

    Result<std::vector<std::int64_t>> append(const std::vector<NewEvent>& events);
    Result<Polled> poll(const PollRequest& request);
    Result<void> commit(std::string_view consumer, std::int64_t next_offset);
    Result<void> rewind(std::string_view consumer, std::int64_t next_offset);
    Result<void> forget(std::string_view consumer);
    TopicState state() const;
    Result<void> retain();

private:
    struct Segment {
        std::uint64_t bytes = 0;            // Acknowledged.
        std::int64_t last_time_ms = 0;      // Not before its newest event was appended.
        std::optional<SegmentIndex> index;  // Nothing: not read yet since the start.
    };

    // One call of append.
    struct Waiting {
        const std::vector<NewEvent>* events = nullptr;
        std::size_t bytes = 0;
        std::vector<std::int64_t> offsets;
        std::optional<Result<void>> result;
    };

    // What one write puts on the disk.
    struct Group {
        std::vector<Waiting*> members;
        std::string bytes;
        std::vector<std::pair<std::int64_t, std::uint64_t>> places;  // Offset and position in `bytes`.
        std::vector<std::string_view> ids;                           // Of the events in `places`.
        std::unordered_map<std::string_view, std::int64_t> offsets_by_id;
        std::int64_t next_offset = 0;
    };

    Topic(const LocalEventLogOptions& options, std::string name);

    Result<void> load(std::vector<TornTail>& torn_tails);
    Result<void> load_newest(std::int64_t first_offset, std::vector<TornTail>& torn_tails);
    Result<void> load_ids();

    Result<void> check(const std::vector<NewEvent>& events) const;
    void write_waiting(std::unique_lock<std::mutex>& lock);
    Group take_group();
    void encode(Group& group);
    void encode_one(Group& group, const NewEvent& event, std::int64_t now_ms, Waiting& member);
    Result<void> write(const Group& group);
    Result<void> make_room(std::size_t bytes);
    Result<void> start_segment(std::int64_t first_offset);
    void publish(const Group& group);

    std::int64_t first_offset() const { return segments_.begin()->first; }

    std::uint64_t bytes() const;
    bool is_expired(const Segment& oldest, std::int64_t now_ms) const;
    Result<void> drop_oldest();
    Result<Polled> read_from(std::int64_t committed, const PollRequest& request);
    Result<SegmentRead> place_of(std::int64_t offset, std::unique_lock<std::mutex>& lock);

    const LocalEventLogOptions* options_;
    const std::string name_;
    const std::filesystem::path folder_;
    std::unique_ptr<Consumers> consumers_;

    std::mutex drop_mutex_;  // Held while segments are chosen and dropped; taken before mutex_.
    mutable std::mutex mutex_;
    std::condition_variable settled_;           // A group was written, or the writer's place is free.
    std::condition_variable told_;              // There are new events.
    std::deque<Waiting*> waiting_;              // By mutex_. Each lives in the append that waits for it.
    std::uint64_t waiting_bytes_ = 0;           // By mutex_. With those that are being written.
    bool is_writing_ = false;                   // By mutex_.
    std::map<std::int64_t, Segment> segments_;  // By mutex_. By first offset; the last one grows.
    std::int64_t next_offset_ = 0;              // By mutex_. Of the first event that is not acknowledged yet.

    // By the thread that set is_writing_.
    FileDescriptor file_;  // The newest segment.
    RecentIds recent_ids_;
    std::optional<Error> broken_;  // The disk may have lost what we wrote: only opening again can tell.
};

}  // namespace capstan::events
