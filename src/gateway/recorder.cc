#include "gateway/recorder.h"

#include "observability/trace_json.h"

namespace capstan::gateway {

Result<void> Recorder::record(
    const observability::Trace& trace, const std::vector<observability::Span>& spans
) {
    const events::NewEvent event{
        .type = std::string(kCompletionFinished),
        .schema_version = 1,
        .key = trace.id,
        .id = trace.id,
        .payload = observability::event_payload(trace, spans).dump(),
        .time_ms = 0,
    };
    const auto appended = log_.append(kCompletionsTopic, {event});
    if (!appended) {
        return appended.error();
    }
    return {};
}

}  // namespace capstan::gateway
