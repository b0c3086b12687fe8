#pragma once

// Rows of traces, spans and scores. SQL lives here and nowhere else in observability.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "observability/trace.h"

namespace soci {
class session;
}

namespace capstan::observability {

// False when the trace is there already.
bool insert_trace(soci::session& session, const Trace& trace, const std::vector<Span>& spans);
std::optional<Trace> find_trace(soci::session& session, std::string_view project_id, std::string_view id);
std::vector<Span> find_spans(soci::session& session, std::string_view trace_id);

struct TraceFilter {
    std::string project_id;
    std::string deployment;  // Empty: any; so are the next three.
    std::string target;      // A target's label.
    std::string status;
    std::string text;                    // In the input or the output.
    std::int64_t before_ms = INT64_MAX;  // With before_id: the last trace seen.
    std::string before_id;
    int rows_max = 50;
};

std::vector<Trace> list_traces(soci::session& session, const TraceFilter& filter);

// False when a score with this idempotency key is there already.
bool insert_score(soci::session& session, const Score& score);
std::optional<Score> find_score(
    soci::session& session, std::string_view project_id, std::string_view idempotency_key
);
std::vector<Score> find_scores(soci::session& session, std::string_view trace_id);

// Times and counts of the newest `rows_max` traces of a target.
struct Timing {
    double duration_ms = 0;
    std::optional<double> first_token_ms;
    std::int64_t completion_tokens = 0;
    std::int64_t cost_nano_usd = 0;
    std::string status;
};

std::vector<Timing> list_timings(
    soci::session& session, std::string_view deployment, std::string_view target_id, int rows_max
);

// The values of one score over the traces of a target, newest first.
struct ScoreAsk {
    std::string project_id;
    std::string deployment;
    std::string target_id;
    std::string name;
    int rows_max = 10'000;
};

std::vector<double> list_score_values(soci::session& session, const ScoreAsk& ask);

}  // namespace capstan::observability
