#pragma once

// What the records of a load test say together.

#include <cstdint>
#include <span>
#include <vector>

#include "base/json.h"
#include "serving/load_run.h"

namespace capstan::serving {

struct Quantiles {
    double mean = 0;
    double p50 = 0;
    double p90 = 0;
    double p99 = 0;
    double max = 0;
};

// By the nearest rank; all 0 for no values.
Quantiles quantiles_of(std::vector<double> values);

// Service levels; 0: no limit.
struct ServiceLevel {
    double first_token_ms_max = 0;
    double per_token_ms_max = 0;  // Mean time of a request's tokens behind its first.
};

struct LoadSummary {
    std::int64_t calls = 0;
    std::int64_t failed = 0;
    double seconds = 0;  // From the first request to the last end.
    std::int64_t prompt_tokens = 0;
    std::int64_t cached_tokens = 0;
    std::int64_t completion_tokens = 0;
    Quantiles first_token_ms;
    Quantiles per_token_ms;  // (end - first token) / (tokens - 1) of each request: vLLM's TPOT.
    Quantiles gap_ms;        // Between neighbouring pieces of text, of all requests.
    Quantiles call_ms;
    Quantiles late_ms;      // How late this side sent: above some milliseconds, the client was the bound.
    std::int64_t good = 0;  // Whole answers within the service level.
    std::int64_t memory_bytes_max = 0;  // Of the server's process; 0: not watched.

    double calls_per_second() const { return per_second(static_cast<double>(calls - failed)); }

    double completion_tokens_per_second() const { return per_second(static_cast<double>(completion_tokens)); }

    double tokens_per_second() const {
        return per_second(static_cast<double>(prompt_tokens + completion_tokens));
    }

    double good_per_second() const { return per_second(static_cast<double>(good)); }

private:
    double per_second(double count) const { return seconds > 0 ? count / seconds : 0; }
};

double first_token_ms(const CallRecord& record);  // Of a record with a piece.
double per_token_ms(const CallRecord& record);    // 0 for fewer than two tokens.

LoadSummary summarise(std::span<const CallRecord> records, const ServiceLevel& level);

Json summary_json(const LoadSummary& summary);

}  // namespace capstan::serving
