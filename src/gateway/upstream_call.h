#pragma once

// One call to an upstream that speaks OpenAI's API, as a stream of text.

#include <deque>
#include <string>

#include "base/result.h"
#include "gateway/route_table.h"
#include "llm/openai_wire.h"
#include "platform/http/async_client.h"
#include "platform/http/sse_parser.h"
#include "platform/http/task.h"

namespace capstan::gateway {

// A piece of the answer; or its end, once, with the reason and the usage.
struct UpstreamPart {
    std::string text;
    bool is_end = false;
    std::string finish_reason;
    llm::Usage usage;
};

// Used by one coroutine.
class UpstreamCall {
public:
    explicit UpstreamCall(http::ResponseStream stream) : stream_(std::move(stream)) {}

    // The next piece. kUnavailable when the upstream breaks off, sends what is no stream of chunks, or
    // reports an error; kCancelled when the caller of the gateway is gone.
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

// Asks the upstream for the same call, streaming and with usage, and waits for the head of its answer.
// kUnavailable when it cannot be reached or answers 5xx; the error that it names, with the code of its
// status, for 4xx.
http::Task<Result<UpstreamCall>> open_upstream(
    http::AsyncClient& client, const Upstream& upstream, const llm::OpenAiCall& call
);

}  // namespace capstan::gateway
