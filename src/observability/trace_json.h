#pragma once

// Traces and scores as JSON; and traces as events, on their way from the gateway to the tables.

#include "base/json.h"
#include "base/result.h"
#include "observability/trace_service.h"

namespace capstan::observability {

Json summary_json(const TraceSummary& summary);
Json detail_json(const TraceDetail& detail);
Json to_json(const Score& score);

// The payload of a CompletionFinished event: all of a trace and its spans.
Json event_payload(const Trace& trace, const std::vector<Span>& spans);

struct RecordedTrace {
    Trace trace;
    std::vector<Span> spans;
};

Result<RecordedTrace> trace_from_event(const Json& payload);  // kInvalid when it is no such payload.

}  // namespace capstan::observability
