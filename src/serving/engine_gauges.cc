#include "serving/engine_gauges.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include <malloc.h>

namespace capstan::serving {
namespace {

// A counter that somebody else counts.
void advance(http::Counter& counter, std::int64_t value) {
    counter.add(std::max(0.0, static_cast<double>(value) - counter.value()));
}

// How many tokens the steps had that came since the last look: the mean of those within the same bounds, so
// that buckets and sum are right.
class StepHistogram {
public:
    StepHistogram(http::MetricRegistry& registry, const http::MetricLabels& labels)
        : shown_(registry.histogram(
              "vllm:iteration_tokens_total",
              "Tokens in a batch through the model.",
              labels,
              {engine::kStepTokenBounds.begin(), engine::kStepTokenBounds.end()}
          )) {}

    void refresh(const engine::SchedulerStats& stats) {
        const std::scoped_lock lock(mutex_);
        for (std::size_t i = 0; i < seen_.size(); ++i) {
            const auto [steps, tokens] = stats.steps_by_tokens[i];
            if (steps < seen_[i].steps) {
                seen_[i] = {};  // The engine has slept: it counts from 0 again.
            }
            const std::int64_t fresh = steps - seen_[i].steps;
            for (std::int64_t k = 0; k < fresh; ++k) {
                shown_.observe(static_cast<double>(tokens - seen_[i].tokens) / static_cast<double>(fresh));
            }
            seen_[i] = {.steps = steps, .tokens = tokens};
        }
    }

private:
    http::Histogram& shown_;
    std::mutex mutex_;  // Guards what follows.
    decltype(engine::SchedulerStats::steps_by_tokens) seen_ = {};
};

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
        "capstan_engine_kv_wasted_bytes",
        "Of the memory that sequences hold, what holds no token.",
        static_cast<double>(scheduler.kv_bytes_wasted)
    );
    gauge(
        "capstan_engine_kv_spilled_bytes",
        "Beside the cache, of sequences that made place.",
        static_cast<double>(scheduler.kv_bytes_spilled)
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
    const engine::EngineStats now = stats();
    refresh(now, labels, registry);
    http::MetricLabels cache = labels;
    cache.emplace_back("block_size", std::to_string(engine::kKvBlockTokens));
    cache.emplace_back("num_gpu_blocks", std::to_string(now.kv_tokens_total / engine::kKvBlockTokens));
    registry.gauge("vllm:cache_config_info", "The key/value cache; always 1.", cache).set(1);
    const auto steps = std::make_shared<StepHistogram>(registry, labels);
    registry.before_exposition([stats = std::move(stats), labels, steps](http::MetricRegistry& shown) {
        const engine::EngineStats seen = stats();
        steps->refresh(seen.scheduler);
        refresh(seen, labels, shown);
    });
}

void show_memory(
    std::function<std::int64_t()> grammar_bytes, const std::string& model_name, http::MetricRegistry& registry
) {
    const http::MetricLabels labels = {{"model_name", model_name}};
    registry.before_exposition([grammar_bytes = std::move(grammar_bytes),
                                labels](http::MetricRegistry& shown) {
        const auto gauge = [&](const char* name, const char* help, auto value) {
            shown.gauge(name, help, labels).set(static_cast<double>(value));
        };
        const struct mallinfo2 heap = ::mallinfo2();
        gauge(
            "capstan_engine_heap_bytes",
            "Of memory, in use by way of malloc: a leak would grow here.",
            heap.uordblks + heap.hblkhd
        );
        gauge("capstan_engine_heap_free_bytes", "Of memory, what malloc keeps for later.", heap.fordblks);
        gauge(
            "capstan_engine_grammar_bytes",
            "Of memory in use, kept grammars of constrained answers.",
            grammar_bytes()
        );
    });
}

}  // namespace capstan::serving
