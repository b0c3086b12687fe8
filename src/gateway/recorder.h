#pragma once

// Writes each finished call to the event log, durably, before its caller is told that it is finished. From
// there it goes to the tables of traces and money (app).

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "observability/trace.h"
#include "platform/events/event_log.h"

namespace capstan::gateway {

inline constexpr std::string_view kCompletionsTopic = "completions";
inline constexpr std::string_view kCompletionFinished = "CompletionFinished";

// Thread-safe. Blocking.
class Recorder {
public:
    explicit Recorder(events::EventLog& log) : log_(log) {}  // Outlives the recorder.

    Result<void> record(const observability::Trace& trace, const std::vector<observability::Span>& spans);

private:
    events::EventLog& log_;
};

}  // namespace capstan::gateway
