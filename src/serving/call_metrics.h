#pragma once

// What an engine's calls took, under vLLM's names and with its buckets, so that dashboards and autoscalers
// made for it work.

#include <string>

#include "llm/message.h"
#include "platform/http/metrics.h"

namespace capstan::serving {

// Thread-safe.
class CallMetrics {
public:
    // `registry` outlives this.
    CallMetrics(http::MetricRegistry& registry, const std::string& model_name);

    void first_token(double seconds) { first_token_.observe(seconds); }

    void token_gap(double seconds) { gap_.observe(seconds); }

    // Once for each prompt, however many answers it has.
    //   choices  So many answers were asked for, of at most so many tokens.
    void prompt(const llm::Usage& usage, int choices, int tokens_max);

    // Once for each sequence that ended by itself.
    void ended(const llm::GenerateResult& result, std::string_view finish_reason);

private:
    http::MetricRegistry& registry_;
    http::MetricLabels labels_;
    http::Histogram& first_token_;
    http::Histogram& gap_;
    http::Histogram& per_token_;
    http::Histogram& whole_;
    http::Histogram& queue_;
    http::Histogram& prefill_;
    http::Histogram& decode_;
    http::Histogram& inference_;
    http::Histogram& choices_;
    http::Histogram& sizes_asked_;
    http::Histogram& prompt_sizes_;
    http::Histogram& answer_sizes_;
    http::Counter& prompt_tokens_;
    http::Counter& generated_tokens_;
};

}  // namespace capstan::serving
