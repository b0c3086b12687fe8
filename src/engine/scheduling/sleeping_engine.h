#pragma once

// An engine thread that can be taken down to give its memory back, and started again.

#include <filesystem>
#include <memory>
#include <mutex>

#include "base/result.h"
#include "engine/scheduling/engine_thread.h"
#include "llm/sleeper.h"

namespace capstan::engine {

class SleepingEngine final : public llm::Sleeper {
public:
    // Awake. Errors are EngineThread::start's.
    static Result<std::unique_ptr<SleepingEngine>> start(
        const std::filesystem::path& model_directory, const EngineLimits& limits
    );

    // kUnavailable while it sleeps. Hold it for a moment only: its memory is freed with the last holder.
    Result<std::shared_ptr<EngineThread>> engine() const;

    void sleep() override;
    Result<void> wake() override;
    bool is_asleep() const override;

    // Also while it sleeps.
    const ModelConfig& config() const { return config_; }

    std::int64_t kv_tokens_total() const { return kv_tokens_total_; }

    EngineStats stats() const;  // What is counted since the start is, over all sleeps.

private:
    SleepingEngine(std::filesystem::path model_directory, EngineLimits limits, EngineThread& engine);

    std::filesystem::path model_directory_;
    EngineLimits limits_;
    ModelConfig config_;
    std::int64_t kv_tokens_total_;
    std::mutex changing_;                   // Held through `sleep` and `wake`, one at a time.
    mutable std::mutex mutex_;              // Guards what follows.
    std::shared_ptr<EngineThread> engine_;  // Shared with calls that submit just now; null: asleep.
    SchedulerStats counted_;                // By engines before this one.
};

}  // namespace capstan::engine
