#pragma once

// Events: facts in the past tense, in the order in which they were told, kept until those who follow them
// have read them. The interface fits a log on disk and Kafka (a topic with one partition).
//
// Blocking; thread-safe. At-least-once: a consumer that stops between poll and commit sees the events again.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace capstan::events {

struct NewEvent {
    std::string type;  // "CompletionFinished".
    int schema_version = 1;
    std::string key;  // Of what it is about: the order of events of one key is the order of their telling.
    std::string id;   // Idempotency: repeated within the log's window, it is told once. Empty: always told.
    std::string payload;       // JSON text.
    std::int64_t time_ms = 0;  // 0: now.
};

struct Event {
    std::int64_t offset = 0;  // Its place in the topic: from 0, by one each.
    std::int64_t time_ms = 0;
    std::string type;
    int schema_version = 1;
    std::string key;
    std::string id;
    std::string payload;
};

struct PollRequest {
    std::string topic;
    std::string consumer;  // Those that share a name share their progress.
    std::size_t events_max = 256;
    std::int64_t wait_ms = 0;  // For the first event.
};

struct Polled {
    std::vector<Event> events;     // After the committed offset; empty when there are none yet.
    std::int64_t next_offset = 0;  // To commit once they have been dealt with.
    std::int64_t lost = 0;  // Events that retention dropped, by its forced policy, before they were read.
};

struct TopicState {
    std::int64_t first_offset = 0;  // The oldest that is kept.
    std::int64_t next_offset = 0;   // Of the event that comes next.
    std::uint64_t bytes = 0;
    std::vector<std::pair<std::string, std::int64_t>> consumers;  // Name and committed offset.
};

class EventLog {
public:
    virtual ~EventLog() = default;

    // Appends all, in order. When it returns they survive power loss. The offsets are in the order of
    // `events`; a repeated id has the offset of the first. A crash before it returns may keep some of them,
    // from the front. kInvalid: a name or an id that is not one. kTooLarge: an event over the limit.
    // kExhausted: more is waiting to be written, or kept for consumers that lag, than the limits allow.
    // kUnavailable: the disk refuses.
    virtual Result<std::vector<std::int64_t>> append(
        std::string_view topic, const std::vector<NewEvent>& events
    ) = 0;

    // What comes after the offset that the consumer has committed; a new consumer begins with the oldest
    // event.
    virtual Result<Polled> poll(const PollRequest& request) = 0;

    // Remembers durably that `consumer` is done with all before `next_offset`. Never goes back: `rewind`
    // does.
    virtual Result<void> commit(
        std::string_view topic, std::string_view consumer, std::int64_t next_offset
    ) = 0;
    virtual Result<void> rewind(
        std::string_view topic, std::string_view consumer, std::int64_t next_offset
    ) = 0;

    // Forgets the consumer, so that events are no longer kept for it.
    virtual Result<void> forget(std::string_view topic, std::string_view consumer) = 0;

    virtual Result<TopicState> state(std::string_view topic) = 0;
};

}  // namespace capstan::events
