#include "serving/load_summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace capstan::serving {
namespace {

constexpr double kUsPerMs = 1000;

double ms_between(std::int64_t begin_us, std::int64_t end_us) {
    return static_cast<double>(end_us - begin_us) / kUsPerMs;
}

bool is_within(const CallRecord& record, const ServiceLevel& level) {
    if (!record.is_ok() || record.pieces_us.empty()) {
        return false;
    }
    const bool is_prompt =
        level.first_token_ms_max == 0 || first_token_ms(record) <= level.first_token_ms_max;
    return is_prompt && (level.per_token_ms_max == 0 || per_token_ms(record) <= level.per_token_ms_max);
}

Json quantiles_json(const Quantiles& quantiles) {
    return Json::object(
        {{"mean", quantiles.mean},
         {"p50", quantiles.p50},
         {"p90", quantiles.p90},
         {"p99", quantiles.p99},
         {"max", quantiles.max}}
    );
}

}  // namespace

Quantiles quantiles_of(std::vector<double> values) {
    if (values.empty()) {
        return {};
    }
    std::ranges::sort(values);
    const auto rank = [&](double share) {
        const auto place = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
        return values[std::max<std::size_t>(place, 1) - 1];
    };
    return {
        .mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()),
        .p50 = rank(0.50),
        .p90 = rank(0.90),
        .p99 = rank(0.99),
        .max = values.back(),
    };
}

double first_token_ms(const CallRecord& record) {
    return ms_between(record.sent_us, record.pieces_us.front());
}

double per_token_ms(const CallRecord& record) {
    if (record.completion_tokens < 2 || record.pieces_us.empty()) {
        return 0;
    }
    return ms_between(record.pieces_us.front(), record.pieces_us.back()) /
           static_cast<double>(record.completion_tokens - 1);
}

LoadSummary summarise(std::span<const CallRecord> records, const ServiceLevel& level) {
    LoadSummary summary;
    summary.calls = std::ssize(records);
    std::vector<double> first;
    std::vector<double> per_token;
    std::vector<double> gaps;
    std::vector<double> whole;
    std::vector<double> late;
    std::int64_t begin_us = INT64_MAX;
    std::int64_t end_us = 0;
    for (const CallRecord& record : records) {
        begin_us = std::min(begin_us, record.sent_us);
        end_us = std::max(end_us, record.end_us);
        late.push_back(static_cast<double>(record.late_us) / kUsPerMs);
        summary.prompt_tokens += record.prompt_tokens;
        summary.cached_tokens += record.cached_tokens;
        summary.completion_tokens += record.completion_tokens;
        summary.good += is_within(record, level) ? 1 : 0;
        if (!record.is_ok()) {
            ++summary.failed;
            continue;
        }
        whole.push_back(ms_between(record.sent_us, record.end_us));
        if (record.pieces_us.empty()) {
            continue;
        }
        first.push_back(first_token_ms(record));
        if (record.completion_tokens > 1) {
            per_token.push_back(per_token_ms(record));
        }
        for (std::size_t i = 1; i < record.pieces_us.size(); ++i) {
            gaps.push_back(ms_between(record.pieces_us[i - 1], record.pieces_us[i]));
        }
    }
    summary.seconds = records.empty() ? 0 : ms_between(begin_us, end_us) / 1000;
    summary.first_token_ms = quantiles_of(std::move(first));
    summary.per_token_ms = quantiles_of(std::move(per_token));
    summary.gap_ms = quantiles_of(std::move(gaps));
    summary.call_ms = quantiles_of(std::move(whole));
    summary.late_ms = quantiles_of(std::move(late));
    return summary;
}

Json summary_json(const LoadSummary& summary) {
    return Json::object(
        {{"requests", summary.calls},
         {"failed", summary.failed},
         {"seconds", summary.seconds},
         {"prompt_tokens", summary.prompt_tokens},
         {"cached_prompt_tokens", summary.cached_tokens},
         {"completion_tokens", summary.completion_tokens},
         {"requests_per_second", summary.calls_per_second()},
         {"completion_tokens_per_second", summary.completion_tokens_per_second()},
         {"tokens_per_second", summary.tokens_per_second()},
         {"good_requests", summary.good},
         {"good_requests_per_second", summary.good_per_second()},
         {"first_token_ms", quantiles_json(summary.first_token_ms)},
         {"per_token_ms", quantiles_json(summary.per_token_ms)},
         {"gap_ms", quantiles_json(summary.gap_ms)},
         {"request_ms", quantiles_json(summary.call_ms)},
         {"sent_late_ms", quantiles_json(summary.late_ms)},
         {"memory_bytes_max", summary.memory_bytes_max}}
    );
}

}  // namespace capstan::serving
