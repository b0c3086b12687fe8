#include "engine/scheduling/sleeping_engine.h"

#include <utility>

#include <malloc.h>

namespace capstan::engine {
namespace {

// What is counted since the start.
void add_counts(SchedulerStats& sum, const SchedulerStats& more) {
    sum.steps += more.steps;
    sum.prompt_tokens += more.prompt_tokens;
    sum.cached_prompt_tokens += more.cached_prompt_tokens;
    sum.generated_tokens += more.generated_tokens;
    sum.preemptions += more.preemptions;
    sum.guessed_tokens += more.guessed_tokens;
    sum.accepted_tokens += more.accepted_tokens;
    sum.kv_bytes_copied_back += more.kv_bytes_copied_back;
    sum.kv_bytes_restored += more.kv_bytes_restored;
    for (std::size_t i = 0; i < sum.steps_by_tokens.size(); ++i) {
        sum.steps_by_tokens[i].steps += more.steps_by_tokens[i].steps;
        sum.steps_by_tokens[i].tokens += more.steps_by_tokens[i].tokens;
    }
}

}  // namespace

SleepingEngine::SleepingEngine(
    std::filesystem::path model_directory, EngineLimits limits, EngineThread& engine
)
    : model_directory_(std::move(model_directory)),
      limits_(std::move(limits)),
      config_(engine.config()),
      kv_tokens_total_(engine.kv_tokens_total()) {}

Result<std::unique_ptr<SleepingEngine>> SleepingEngine::start(
    const std::filesystem::path& model_directory, const EngineLimits& limits
) {
    auto engine = EngineThread::start(model_directory, limits);
    if (!engine) {
        return engine.error();
    }
    std::unique_ptr<SleepingEngine> made(new SleepingEngine(model_directory, limits, **engine));
    made->engine_ = std::move(*engine);
    return made;
}

Result<std::shared_ptr<EngineThread>> SleepingEngine::engine() const {
    const std::scoped_lock lock(mutex_);
    if (engine_ == nullptr) {
        return Error{ErrorCode::kUnavailable, "the engine is asleep: POST /wake_up first"};
    }
    return engine_;
}

void SleepingEngine::sleep() {
    const std::scoped_lock one_at_a_time(changing_);
    std::shared_ptr<EngineThread> gone;
    {
        const std::scoped_lock lock(mutex_);
        gone = std::exchange(engine_, nullptr);
        if (gone != nullptr) {
            add_counts(counted_, gone->stats().scheduler);
        }
    }
    gone.reset();  // What it runs ends.
    malloc_trim(0);
}

Result<void> SleepingEngine::wake() {
    const std::scoped_lock one_at_a_time(changing_);
    if (!is_asleep()) {
        return {};
    }
    auto engine = EngineThread::start(model_directory_, limits_);
    if (!engine) {
        return engine.error();
    }
    const std::scoped_lock lock(mutex_);
    engine_ = std::move(*engine);
    return {};
}

bool SleepingEngine::is_asleep() const {
    const std::scoped_lock lock(mutex_);
    return engine_ == nullptr;
}

EngineStats SleepingEngine::stats() const {
    const std::scoped_lock lock(mutex_);
    EngineStats stats = engine_ != nullptr ? engine_->stats() : EngineStats{};
    add_counts(stats.scheduler, counted_);
    return stats;
}

}  // namespace capstan::engine
