#include "engine/scheduling/sleeping_engine.h"

#include <utility>

#include <malloc.h>

namespace capstan::engine {

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
    const auto awake = engine();
    return awake ? (*awake)->stats() : EngineStats{};
}

}  // namespace capstan::engine
