#pragma once

// What may be done with traces and feedback.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "observability/trace.h"
#include "observability/trace_store.h"
#include "platform/sql/database.h"

namespace capstan::observability {

struct TraceDetail {
    Trace trace;
    std::vector<Span> spans;
    std::vector<Score> scores;
};

struct TraceSummary {
    Trace trace;
    std::vector<Score> scores;
};

struct NewScore {
    std::string project_id;
    std::string trace_id;  // The response's id.
    std::string name;      // 1 to 100 bytes.
    Json value;            // A finite number, true, false, or a text of at most 2,000 bytes.
    std::string comment;   // At most 4,000 bytes.
    std::string source;
    std::string idempotency_key;  // At most 200 bytes; empty: a new score each time.
};

// Thread-safe. Blocking. The calls that end in _in work inside a transaction of the caller.
class TraceService {
public:
    struct Inputs {
        sql::Database& database;  // Outlives the service; its migrations have run.
        IdSource next_id;
        ClockMs now_ms;
    };

    explicit TraceService(Inputs inputs) : inputs_(std::move(inputs)) {}

    // A trace that is there already changes nothing.
    void record_in(soci::session& session, const Trace& trace, const std::vector<Span>& spans);

    Result<std::vector<TraceSummary>> list(const TraceFilter& filter);
    Result<TraceDetail> get(std::string_view project_id, std::string_view id);

    // kInvalid, naming the member, when one is out of its range. The trace may arrive after its feedback: a
    // response is known to the caller before its trace is written. The same idempotency key again answers the
    // first score.
    Result<Score> give_feedback(const NewScore& asked);

    // Over the newest 10,000 traces of the target. `score_name` empty: no scores.
    struct StatsAsk {
        std::string project_id;
        std::string deployment;
        std::string target_id;
        std::string score_name;
    };

    Result<TargetStats> target_stats(const StatsAsk& ask);
    Result<std::vector<double>> score_values(const ScoreAsk& ask);

private:
    Inputs inputs_;
};

}  // namespace capstan::observability
