// Server-sent events: cuts change nothing, and what is encoded reads back equal.

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "platform/http/sse_parser.h"

namespace capstan::http {
namespace {

struct Reading {
    bool is_refused = false;
    std::vector<SseEvent> events;
};

Reading read(std::string_view bytes, std::size_t piece) {
    Reading reading;
    SseParser parser(200);
    while (!bytes.empty() && !reading.is_refused) {
        const auto outcome = parser.feed(bytes.substr(0, piece), [&](const SseEvent& event) {
            reading.events.push_back(event);
            return Result<void>();
        });
        reading.is_refused = !outcome;
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    return reading;
}

}  // namespace
}  // namespace capstan::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace capstan::http;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (bytes.empty()) {
        return 0;
    }
    const Reading whole = read(bytes, bytes.size());
    const Reading pieces = read(bytes, 1 + data[0] % 5);
    CHECK(whole.is_refused == pieces.is_refused, "cuts do not change the verdict");
    CHECK(whole.events == pieces.events, "cuts do not change the events");
    for (const SseEvent& event : whole.events) {
        CHECK(event.data.size() <= 200, "the limit holds");
        const std::string text = encode_sse(event);
        const Reading again = read(text, 3);
        if (text.size() < 200) {
            CHECK(again.events.size() == 1 && again.events[0] == event, "what is encoded reads back equal");
        }
    }
    return 0;
}
