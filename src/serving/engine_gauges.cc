#include "serving/engine_gauges.h"

#include <algorithm>
#include <utility>

namespace capstan::serving {
namespace {

// A counter that somebody else counts.
void advance(http::Counter& counter, std::int64_t value) {
    counter.add(std::max(0.0, static_cast<double>(value) - counter.value()));
}

void refresh(
    const engine::EngineStats& stats, const http::MetricLabels& labels, http::MetricRegistry& registry
) {
    const auto gauge = [&](const char* name, const char* help, double value) {
        registry.gauge(name, help, labels).set(value);
    };
    const auto counter = [&](const char* name, const char* help, std::int64_t value) {
        advance(registry.counter(name, help, labels), value);
    };
    const auto& scheduler = stats.scheduler;
    const auto bytes = static_cast<double>(scheduler.kv_bytes_used);
    const double used = stats.kv_bytes_total > 0 ? bytes / static_cast<double>(stats.kv_bytes_total) : 0;
    gauge("vllm:num_requests_running", "Sequences in the batch.", static_cast<double>(scheduler.running));
    gauge(
        "vllm:num_requests_waiting",
        "Sequences that wait for a place in the batch.",
        static_cast<double>(stats.waiting)
    );
    gauge("vllm:kv_cache_usage_perc", "Share of the key/value cache in use; 1 is all.", used);
    gauge("vllm:gpu_cache_usage_perc", "The same, under its older name.", used);
    counter("vllm:num_preemptions_total", "Sequences that gave their memory up.", scheduler.preemptions);
    counter(
        "vllm:prefix_cache_queries_total",
        "Tokens of prompts that were looked for among those known.",
        scheduler.prompt_tokens + scheduler.cached_prompt_tokens
    );
    counter(
        "vllm:prefix_cache_hits_total", "Of these, those that were found.", scheduler.cached_prompt_tokens
    );
    gauge(
        "capstan_engine_kv_bytes", "Size of the key/value cache.", static_cast<double>(stats.kv_bytes_total)
    );
    gauge(
        "capstan_engine_kv_cached_bytes",
        "Of it, kept for prompts that begin alike.",
        static_cast<double>(scheduler.kv_bytes_cached)
    );
    gauge(
        "capstan_engine_step_seconds", "The last step.", static_cast<double>(scheduler.step_us) / 1'000'000
    );
    counter("capstan_engine_steps_total", "Batches through the model.", scheduler.steps);
}

}  // namespace

void show_engine(
    std::function<engine::EngineStats()> stats, const std::string& model_name, http::MetricRegistry& registry
) {
    const http::MetricLabels labels = {{"model_name", model_name}};
    refresh(stats(), labels, registry);
    registry.before_exposition([stats = std::move(stats), labels](http::MetricRegistry& shown) {
        refresh(stats(), labels, shown);
    });
}

}  // namespace capstan::serving
