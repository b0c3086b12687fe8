#pragma once

// What is known of one call while it runs, and the trace that it becomes.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "gateway/route_table.h"
#include "llm/openai_wire.h"
#include "observability/trace.h"
#include "platform/http/message.h"

namespace capstan::gateway {

// Used by one coroutine at a time.
class CallRecord {
public:
    CallRecord(
        const http::Request& request, const Json& body, const llm::OpenAiCall& call, std::string response_id
    );

    void route_chosen(const Route& route, const Attempt& attempt, std::size_t attempts_before);
    void text_came(std::string_view text);
    void ended(std::string_view finish_reason, const llm::Usage& usage);
    void failed(const Error& error);
    void cancelled();

    const std::string& response_id() const { return trace_.id; }

    std::int64_t created_s() const { return trace_.started_ms / 1000; }

    const llm::Usage& usage() const { return usage_; }

    const std::string& output() const { return trace_.output; }

    const std::string& finish_reason() const { return finish_reason_; }

    // The trace as of now. `cost_nano_usd` is what the usage costs.
    observability::Trace trace(std::int64_t cost_nano_usd) const;
    std::vector<observability::Span> spans() const;

private:
    double elapsed_ms() const;

    observability::Trace trace_;
    llm::Usage usage_;
    std::string finish_reason_;
    std::int64_t started_us_ = monotonic_now_us();
    double upstream_started_ms_ = 0;
    std::size_t attempts_before_ = 0;
    bool is_fallback_ = false;
};

}  // namespace capstan::gateway
