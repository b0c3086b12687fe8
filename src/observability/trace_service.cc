#include "observability/trace_service.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace capstan::observability {
namespace {

constexpr std::size_t kScoreNameBytesMax = 100;
constexpr std::size_t kScoreTextBytesMax = 2000;
constexpr std::size_t kCommentBytesMax = 4000;
constexpr std::size_t kKeyBytesMax = 200;
constexpr std::size_t kTraceIdBytesMax = 200;
constexpr int kStatsRowsMax = 10'000;

Error invalid(std::string message) {
    return {ErrorCode::kInvalid, std::move(message)};
}

Result<void> check(const NewScore& asked) {
    if (asked.trace_id.empty() || asked.trace_id.size() > kTraceIdBytesMax) {
        return invalid("'response_id' must have 1 to 200 bytes");
    }
    if (asked.name.empty() || asked.name.size() > kScoreNameBytesMax) {
        return invalid("'name' must have 1 to 100 bytes");
    }
    const auto number = asked.value.as_double();
    const auto* text = asked.value.as_string();
    const bool good_number = number && std::isfinite(*number);
    const bool good_text = text != nullptr && text->size() <= kScoreTextBytesMax;
    if (!good_number && !good_text && !asked.value.is_bool()) {
        return invalid("'value' must be a finite number, true, false, or a text of at most 2,000 bytes");
    }
    if (asked.comment.size() > kCommentBytesMax || asked.idempotency_key.size() > kKeyBytesMax) {
        return invalid("'comment' has at most 4,000 bytes and 'idempotency_key' 200");
    }
    return {};
}

// By the nearest-rank method; 0 for nothing.
double percentile(std::vector<double>& values, double fraction) {
    if (values.empty()) {
        return 0;
    }
    const auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size())));
    const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
    std::ranges::nth_element(values, nth);
    return *nth;
}

TargetStats stats_of(const std::vector<Timing>& timings) {
    TargetStats stats;
    std::vector<double> first_token_ms;
    double decode_ms = 0;
    std::int64_t decoded_tokens = 0;
    for (const Timing& timing : timings) {
        stats.requests += 1;
        stats.errors += timing.status == "error" ? 1 : 0;
        stats.cost_nano_usd += timing.cost_nano_usd;
        if (timing.first_token_ms) {
            first_token_ms.push_back(*timing.first_token_ms);
            decode_ms += timing.duration_ms - *timing.first_token_ms;
            decoded_tokens += std::max<std::int64_t>(timing.completion_tokens - 1, 0);
        }
    }
    stats.first_token_ms_p50 = percentile(first_token_ms, 0.5);
    stats.first_token_ms_p95 = percentile(first_token_ms, 0.95);
    stats.tokens_per_second = decode_ms > 0 ? static_cast<double>(decoded_tokens) * 1000 / decode_ms : 0;
    return stats;
}

}  // namespace

void TraceService::record_in(soci::session& session, const Trace& trace, const std::vector<Span>& spans) {
    insert_trace(session, trace, spans);
}

Result<std::vector<TraceSummary>> TraceService::list(const TraceFilter& filter) {
    return inputs_.database.read([&](soci::session& session) -> Result<std::vector<TraceSummary>> {
        std::vector<TraceSummary> found;
        for (Trace& trace : list_traces(session, filter)) {
            auto scores = find_scores(session, trace.id);
            found.push_back({std::move(trace), std::move(scores)});
        }
        return found;
    });
}

Result<TraceDetail> TraceService::get(std::string_view project_id, std::string_view id) {
    return inputs_.database.read([&](soci::session& session) -> Result<TraceDetail> {
        auto trace = find_trace(session, project_id, id);
        if (!trace) {
            return Error{ErrorCode::kNotFound, "no trace " + std::string(id)};
        }
        return TraceDetail{std::move(*trace), find_spans(session, id), find_scores(session, id)};
    });
}

Result<Score> TraceService::give_feedback(const NewScore& asked) {
    if (auto checked = check(asked); !checked) {
        return checked.error();
    }
    Score score{
        .id = inputs_.next_id(),
        .project_id = asked.project_id,
        .trace_id = asked.trace_id,
        .name = asked.name,
        .comment = asked.comment,
        .source = asked.source,
        .created_ms = inputs_.now_ms(),
    };
    score.idempotency_key = asked.idempotency_key.empty() ? score.id : asked.idempotency_key;
    if (const auto* text = asked.value.as_string()) {
        score.text = *text;
    } else {
        const auto flag = asked.value.as_bool();
        score.value = flag ? (*flag ? 1.0 : 0.0) : *asked.value.as_double();
    }
    return inputs_.database.transact([&](soci::session& session) -> Result<Score> {
        if (insert_score(session, score)) {
            return score;
        }
        return find_score(session, score.project_id, score.idempotency_key).value_or(score);
    });
}

Result<TargetStats> TraceService::target_stats(const StatsAsk& ask) {
    return inputs_.database.read([&](soci::session& session) -> Result<TargetStats> {
        TargetStats stats = stats_of(list_timings(session, ask.deployment, ask.target_id, kStatsRowsMax));
        if (!ask.score_name.empty()) {
            const auto values = list_score_values(
                session, {ask.project_id, ask.deployment, ask.target_id, ask.score_name, kStatsRowsMax}
            );
            stats.score_count = std::ssize(values);
            const double sum = std::accumulate(values.begin(), values.end(), 0.0);
            stats.score_mean = values.empty() ? 0 : sum / static_cast<double>(values.size());
        }
        return stats;
    });
}

Result<std::vector<double>> TraceService::score_values(const ScoreAsk& ask) {
    return inputs_.database.read([&](soci::session& session) {
        return Result<std::vector<double>>(list_score_values(session, ask));
    });
}

}  // namespace capstan::observability
