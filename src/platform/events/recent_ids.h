#pragma once

// The ids of a topic's last events, so that a repeated one is told once. Not thread-safe.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace capstan::events {

class RecentIds {
public:
    // Remembers the ids of the last `events` events.
    explicit RecentIds(std::size_t events) : events_(static_cast<std::int64_t>(events)) {}

    // In order of offsets. Events without an id also move the window.
    void add(std::string_view id, std::int64_t offset);

    // The offset of the event with this id, when it is in the window.
    std::optional<std::int64_t> find(const std::string& id) const;

private:
    std::int64_t events_;
    std::unordered_map<std::string, std::int64_t> offsets_;
    std::deque<std::pair<std::int64_t, std::string>> order_;
};

}  // namespace capstan::events
