#pragma once

// The event log in a folder: FOLDER/<topic>/<first offset>.log, segments of checksummed records (record.h),
// and FOLDER/<topic>/consumers/<name>. One process at a time.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "platform/events/event_log.h"

namespace capstan::events {

// When a topic has grown to bytes_max and consumers still need its oldest events.
enum class WhenFull {
    kRefuse,      // append says kExhausted: nothing is lost.
    kDropOldest,  // The oldest segment goes; consumers hear of it by Polled::lost.
};

struct LocalEventLogOptions {
    std::filesystem::path folder;
    std::uint64_t segment_bytes = std::uint64_t{64} << 20;
    std::uint32_t event_bytes_max = std::uint32_t{1}
                                    << 20;  // Of its payload; type, key and id are shorter still.
    std::uint64_t waiting_bytes_max = std::uint64_t{64} << 20;  // In memory, a topic, not yet on the disk.
    std::int64_t wait_ms_max = 5'000;                           // For room among them.
    std::size_t topics_max = 256;
    // Per topic. Segments are dropped whole, oldest first, never the newest; over retain_* only what every
    // consumer has committed. A topic without consumers is kept by retain_* alone.
    std::uint64_t retain_bytes = std::uint64_t{1} << 30;
    std::int64_t retain_ms = std::int64_t{7} * 24 * 3'600 * 1'000;
    std::uint64_t bytes_max = std::uint64_t{8} << 30;
    WhenFull when_full = WhenFull::kRefuse;
    std::size_t remembered_ids = 65'536;  // The window of idempotency: this many last events of a topic.
    ClockMs now_ms = system_now_ms;
};

// What opening a log found and did.
struct TornTail {
    std::filesystem::path segment;
    std::uint64_t bytes = 0;  // Written but never acknowledged, cut off.
};

class Topic;

class LocalEventLog final : public EventLog {
public:
    // Reads the newest segment of each topic whole. kConflict when another process has the folder;
    // kUnavailable when acknowledged events are damaged.
    static Result<std::unique_ptr<LocalEventLog>> open(const LocalEventLogOptions& options);
    ~LocalEventLog() override;

    Result<std::vector<std::int64_t>> append(std::string_view topic, const std::vector<NewEvent>& events)
        override;
    Result<Polled> poll(const PollRequest& request) override;
    Result<void> commit(std::string_view topic, std::string_view consumer, std::int64_t next_offset) override;
    Result<void> rewind(std::string_view topic, std::string_view consumer, std::int64_t next_offset) override;
    Result<void> forget(std::string_view topic, std::string_view consumer) override;
    Result<TopicState> state(std::string_view topic) override;

    const std::vector<TornTail>& torn_tails() const { return torn_tails_; }

    // Drops what retention no longer keeps, in all topics. It also happens whenever a segment is full.
    Result<void> retain();

private:
    LocalEventLog(LocalEventLogOptions options, FileLock lock);

    Result<void> open_topics();
    Result<Topic*> topic(std::string_view name);           // Made when missing.
    Result<Topic*> existing_topic(std::string_view name);  // kNotFound.

    const LocalEventLogOptions options_;
    FileLock lock_;
    std::vector<TornTail> torn_tails_;
    std::mutex mutex_;
    std::map<std::string, std::unique_ptr<Topic>, std::less<>> topics_;  // By mutex_. None is ever removed.
};

}  // namespace capstan::events
