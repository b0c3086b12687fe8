#pragma once

// One call to an upstream that speaks OpenAI's API, as a stream of chunks.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/result.h"
#include "gateway/route_table.h"
#include "llm/openai_wire.h"
#include "platform/http/async_client.h"
#include "platform/http/sse_parser.h"
#include "platform/http/task.h"

namespace capstan::gateway {

// A chunk of the answer, as the upstream sent it; or its end, once, with the reason and the usage.
struct UpstreamPart {
    Json chunk;
    std::string text;           // Of all choices.
    bool is_finishing = false;  // The chunk ends a choice.
    bool is_end = false;
    std::string finish_reason;
    std::optional<llm::Usage> usage;  // Absent when the upstream told none.
};

// Used by one coroutine.
class UpstreamCall {
public:
    explicit UpstreamCall(http::ResponseStream stream) : stream_(std::move(stream)) {}

    // The next piece. kUnavailable when the upstream breaks off, sends nothing for too long or what is no
    // stream of chunks, or reports an error; kCancelled when the caller of the gateway is gone.
    http::Task<Result<UpstreamPart>> next();

private:
    Result<void> take(std::string_view bytes);
    Result<void> take_event(const http::SseEvent& event);

    http::ResponseStream stream_;
    http::SseParser parser_;
    std::deque<UpstreamPart> parts_;
    UpstreamPart end_;
    bool is_done_ = false;
};

struct UpstreamRequest {
    llm::CallKind kind = llm::CallKind::kChat;
    const Json& body;  // The caller's, an object.
};

// Asks the upstream for the same call (the caller's own words but for the model's name), streaming and with
// usage, and waits for the head of its answer.
//   idle_ms_max  Until the head of the answer, and between two pieces of it.
// kInvalid or kTooLarge, with the reason that the upstream names, when it says that the request itself is
// wrong (400, 413, 422); kExhausted when it is full (429); kCancelled when the caller of the gateway is gone;
// kUnavailable for all else: it cannot be reached, is too slow, fails, or does not know the model or us.
http::Task<Result<UpstreamCall>> open_upstream(
    http::AsyncClient& client, const Upstream& upstream, const UpstreamRequest& call, std::int64_t idle_ms_max
);

}  // namespace capstan::gateway
