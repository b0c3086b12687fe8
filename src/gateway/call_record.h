#pragma once

// What is known of one call while it runs, and the trace that it becomes.

#include <optional>
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
    // Without `usage`, and when the call ends early, each piece of text counts as one token: never more than
    // were made, since no token makes two pieces.
    void ended(std::string_view finish_reason, const std::optional<llm::Usage>& usage);
    void failed(const Error& error);
    void cancelled();

    const std::string& response_id() const { return trace_.id; }

    std::int64_t created_s() const { return trace_.started_ms / 1000; }

    llm::Usage usage() const { return usage_.value_or(llm::Usage()); }

    const std::string& finish_reason() const { return finish_reason_; }

    const std::string& target_label() const { return trace_.target_label; }

    // From the call to its first piece of text, or to its end when there was none.
    double first_token_ms() const { return trace_.first_token_ms.value_or(trace_.duration_ms); }

    // The trace as of now. `cost_nano_usd` is what the usage costs. Of a long input or output it has the
    // beginning, so that its event stays within the event log's limit.
    observability::Trace trace(std::int64_t cost_nano_usd) const;
    std::vector<observability::Span> spans() const;

private:
    double elapsed_ms() const;
    void count_pieces();

    observability::Trace trace_;
    std::optional<llm::Usage> usage_;
    std::int64_t pieces_ = 0;
    bool is_usage_counted_ = false;  // By us, in pieces.
    bool is_output_cut_ = false;
    std::string finish_reason_;
    std::int64_t started_us_ = monotonic_now_us();
    double upstream_started_ms_ = 0;
    std::size_t attempts_before_ = 0;
    bool is_fallback_ = false;
};

}  // namespace capstan::gateway
