#include "platform/events/local_event_log.h"

#include <algorithm>

#include <fmt/format.h>

#include "platform/events/topic.h"

namespace capstan::events {
namespace {

constexpr std::size_t kPollEventsMax = 10'000;
constexpr std::int64_t kPollMsMax = 60'000;

bool is_name(std::string_view name) {
    const auto is_fine = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    };
    return !name.empty() && name.size() <= 64 && name.front() != '.' && std::ranges::all_of(name, is_fine);
}

Result<void> check_name(std::string_view what, std::string_view name) {
    if (is_name(name)) {
        return {};
    }
    return Error{
        ErrorCode::kInvalid,
        fmt::format(
            "'{}' is no name of a {}: 1 to 64 of a-z, 0-9, '-', '_' and '.', not starting with '.'",
            name.substr(0, 80),
            what
        )
    };
}

Result<void> check_options(const LocalEventLogOptions& options) {
    if (options.event_bytes_max == 0 || options.event_bytes_max > kPayloadBytesMax) {
        return Error{ErrorCode::kInvalid, fmt::format("event_bytes_max must be 1 to {}", kPayloadBytesMax)};
    }
    if (options.segment_bytes == 0 || options.bytes_max < options.segment_bytes) {
        return Error{ErrorCode::kInvalid, "segment_bytes must be positive, and bytes_max not below it"};
    }
    return {};
}

}  // namespace

LocalEventLog::LocalEventLog(LocalEventLogOptions options, FileLock lock)
    : options_(std::move(options)), lock_(std::move(lock)) {}

LocalEventLog::~LocalEventLog() = default;

Result<std::unique_ptr<LocalEventLog>> LocalEventLog::open(const LocalEventLogOptions& options) {
    if (Result<void> fine = check_options(options); !fine) {
        return fine.error();
    }
    if (Result<void> made = create_folders(options.folder); !made) {
        return made.error();
    }
    Result<FileLock> lock = FileLock::acquire(options.folder / ".lock");
    if (!lock) {
        return with_context("the event log is in use", lock.error());
    }
    std::unique_ptr<LocalEventLog> log(new LocalEventLog(options, std::move(*lock)));
    if (Result<void> opened = log->open_topics(); !opened) {
        return opened.error();
    }
    return log;
}

Result<void> LocalEventLog::open_topics() {
    for (const auto& entry : std::filesystem::directory_iterator(options_.folder)) {
        const std::string name = entry.path().filename().string();
        if (!entry.is_directory() || !is_name(name)) {
            continue;
        }
        Result<std::unique_ptr<Topic>> opened = Topic::open(options_, name, torn_tails_);
        if (!opened) {
            return opened.error();
        }
        topics_.emplace(name, std::move(*opened));
    }
    return {};
}

Result<Topic*> LocalEventLog::topic(std::string_view name) {
    if (Result<void> fine = check_name("topic", name); !fine) {
        return fine.error();
    }
    const std::scoped_lock lock(mutex_);
    if (const auto known = topics_.find(name); known != topics_.end()) {
        return known->second.get();
    }
    if (topics_.size() >= options_.topics_max) {
        return Error{ErrorCode::kExhausted, fmt::format("there are {} topics already", topics_.size())};
    }
    std::vector<TornTail> none;
    Result<std::unique_ptr<Topic>> made = Topic::open(options_, std::string(name), none);
    if (!made) {
        return made.error();
    }
    return topics_.emplace(name, std::move(*made)).first->second.get();
}

Result<Topic*> LocalEventLog::existing_topic(std::string_view name) {
    const std::scoped_lock lock(mutex_);
    const auto known = topics_.find(name);
    if (known == topics_.end()) {
        return Error{ErrorCode::kNotFound, fmt::format("no topic {}", name.substr(0, 80))};
    }
    return known->second.get();
}

Result<std::vector<std::int64_t>> LocalEventLog::append(
    std::string_view topic_name, const std::vector<NewEvent>& events
) {
    const Result<Topic*> found = topic(topic_name);
    if (!found) {
        return found.error();
    }
    return (*found)->append(events);
}

Result<Polled> LocalEventLog::poll(const PollRequest& request) {
    if (Result<void> fine = check_name("consumer", request.consumer); !fine) {
        return fine.error();
    }
    if (request.events_max == 0 || request.events_max > kPollEventsMax || request.wait_ms < 0 ||
        request.wait_ms > kPollMsMax) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("a poll asks for 1 to {} events and waits 0 to {} ms", kPollEventsMax, kPollMsMax)
        };
    }
    const Result<Topic*> found = topic(request.topic);
    if (!found) {
        return found.error();
    }
    return (*found)->poll(request);
}

Result<void> LocalEventLog::commit(
    std::string_view topic_name, std::string_view consumer, std::int64_t next_offset
) {
    if (Result<void> fine = check_name("consumer", consumer); !fine) {
        return fine;
    }
    const Result<Topic*> found = existing_topic(topic_name);
    return found ? (*found)->commit(consumer, next_offset) : Result<void>(found.error());
}

Result<void> LocalEventLog::rewind(
    std::string_view topic_name, std::string_view consumer, std::int64_t next_offset
) {
    if (Result<void> fine = check_name("consumer", consumer); !fine) {
        return fine;
    }
    const Result<Topic*> found = existing_topic(topic_name);
    return found ? (*found)->rewind(consumer, next_offset) : Result<void>(found.error());
}

Result<void> LocalEventLog::forget(std::string_view topic_name, std::string_view consumer) {
    const Result<Topic*> found = existing_topic(topic_name);
    return found ? (*found)->forget(consumer) : Result<void>(found.error());
}

Result<TopicState> LocalEventLog::state(std::string_view topic_name) {
    const Result<Topic*> found = existing_topic(topic_name);
    return found ? Result<TopicState>((*found)->state()) : Result<TopicState>(found.error());
}

Result<void> LocalEventLog::retain() {
    std::vector<Topic*> all;
    {
        const std::scoped_lock lock(mutex_);
        for (const auto& [name, one] : topics_) {
            all.push_back(one.get());
        }
    }
    for (Topic* one : all) {
        if (Result<void> retained = one->retain(); !retained) {
            return retained;
        }
    }
    return {};
}

}  // namespace capstan::events
