#pragma once

// Server-sent events (WHATWG HTML, section 9.2), both ways: an incremental decoder with limits, and the
// encoder.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace capstan::http {

struct SseEvent {
    std::string data = {};   // Lines are joined with '\n'.
    std::string event = {};  // "" means "message".
    std::string id = {};     // Received: the last id that the stream named, this event's or an earlier one's.
    std::optional<std::int64_t> retry_ms = std::nullopt;  // When to reconnect, if the stream said so here.

    bool operator==(const SseEvent&) const = default;
};

// The event's text on the wire. Line breaks in `event` and `id` are left out, since they would end the field.
std::string encode_sse(const SseEvent& event);

class SseParser {
public:
    explicit SseParser(std::size_t event_bytes_max = std::size_t{1} << 20)
        : event_bytes_max_(event_bytes_max) {}

    // Takes the next bytes, cut anywhere, and calls `on_event` for each event that they complete, in order.
    // kTooLarge for a line or an event over the limit; an error of `on_event` is returned at once. The parser
    // must not be used after an error. An event that the stream's end cuts off is dropped, as the standard
    // says.
    Result<void> feed(std::string_view bytes, const std::function<Result<void>(const SseEvent&)>& on_event);

private:
    Result<void> take_line(const std::function<Result<void>(const SseEvent&)>& on_event);
    void take_field(std::string_view name, std::string_view value);

    std::size_t event_bytes_max_;
    std::string line_;
    std::string last_id_;
    SseEvent event_;
    bool has_data_ = false;
    bool is_after_cr_ = false;  // The next '\n' belongs to the line before.
    int bom_bytes_ = 0;         // Of the byte order mark at the very start; -1 once that is decided.
};

}  // namespace capstan::http
