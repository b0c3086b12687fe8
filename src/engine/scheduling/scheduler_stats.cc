// What the scheduler tells of itself to any thread.

#include <algorithm>

#include "engine/scheduling/scheduler.h"

namespace capstan::engine {

void Scheduler::count_step(std::int64_t rows) {
    const auto bound = std::ranges::lower_bound(kStepTokenBounds, rows);
    auto& [steps, tokens] = steps_by_tokens_[static_cast<std::size_t>(bound - kStepTokenBounds.begin())];
    ++steps;
    tokens += rows;
}

void Scheduler::publish_memory() {
    const std::int64_t block_bytes = parts_.cache.shape().block_bytes();
    const std::int64_t cached = memory_.tree().blocks_evictable() * block_bytes;
    kv_bytes_used_ = parts_.cache.bytes_used() - cached;
    kv_bytes_cached_ = cached;
    kv_bytes_wasted_ = static_cast<std::int64_t>(
        memory_.positions_wasted(running_) * static_cast<double>(block_bytes / kKvBlockTokens)
    );
    kv_bytes_spilled_ = memory_.bytes_spilled();
    kv_bytes_copied_back_ = memory_.blocks_copied_back() * block_bytes;
    kv_bytes_restored_ = memory_.blocks_restored() * block_bytes;
}

SchedulerStats Scheduler::stats() const {
    SchedulerStats stats = {
        .running = running_count_,
        .steps = steps_,
        .step_us = step_us_,
        .prompt_tokens = prompt_tokens_,
        .cached_prompt_tokens = cached_prompt_tokens_,
        .generated_tokens = generated_tokens_,
        .preemptions = preemptions_,
        .guessed_tokens = guessed_tokens_,
        .accepted_tokens = accepted_tokens_,
        .kv_bytes_used = kv_bytes_used_,
        .kv_bytes_cached = kv_bytes_cached_,
        .kv_bytes_wasted = kv_bytes_wasted_,
        .kv_bytes_spilled = kv_bytes_spilled_,
        .kv_bytes_copied_back = kv_bytes_copied_back_,
        .kv_bytes_restored = kv_bytes_restored_,
    };
    for (std::size_t i = 0; i < steps_by_tokens_.size(); ++i) {
        stats.steps_by_tokens[i] = {.steps = steps_by_tokens_[i].steps, .tokens = steps_by_tokens_[i].tokens};
    }
    return stats;
}

}  // namespace capstan::engine
