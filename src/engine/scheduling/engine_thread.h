#pragma once

// A loaded model with the thread that runs it: the only one that touches weights, cache and scheduler.

#include <filesystem>
#include <functional>
#include <memory>
#include <thread>

#include "base/result.h"
#include "engine/cache/kv_cache.h"
#include "engine/model/model.h"
#include "engine/scheduling/scheduler.h"
#include "engine/scheduling/sequence_queue.h"

namespace capstan::engine {

struct EngineLimits {
    int threads = 1;
    std::int64_t kv_cache_bytes = std::int64_t{256} << 20;
    KvType kv_type = KvType::kF16;
    kernels::PackAs pack_as = kernels::PackAs::kStored;  // Of the model; a draft keeps what is stored.
    std::size_t waiting_max = 64;
    // Of the same vocabulary, for speculation; empty: guesses come from the sequences' own tokens only.
    std::filesystem::path draft_model = {};
    // Where pages go that memory has no room for, to come back later, also after a restart; empty: nowhere.
    std::filesystem::path prefix_cache_directory = {};
    std::int64_t prefix_cache_bytes = std::int64_t{4} << 30;  // Of the file.
    SchedulerLimits scheduler;
};

struct EngineStats {
    std::int64_t waiting = 0;
    SchedulerStats scheduler;
    std::int64_t kv_bytes_total = 0;
    std::int64_t kv_tokens_total = 0;
};

class EngineThread {
public:
    static Result<std::unique_ptr<EngineThread>> start(
        const std::filesystem::path& model_directory, const EngineLimits& limits
    );

    // Ends what runs and waits with kUnavailable.
    ~EngineThread();
    EngineThread(const EngineThread&) = delete;
    EngineThread& operator=(const EngineThread&) = delete;

    // Thread-safe. kExhausted when the queue is full. `on_change` as TokenChannel::listen wants it.
    Result<std::shared_ptr<TokenChannel>> submit(
        SequenceRequest request, std::function<void()> on_change = {}
    );

    // As many continuations of one prompt, which is computed once; they wait as one request. With a seed, the
    // one at index k has it plus k.
    Result<std::vector<std::shared_ptr<TokenChannel>>> submit_branches(
        const SequenceRequest& request, std::size_t branches, const std::function<void()>& on_change = {}
    );

    // Thread-safe: gives back the memory that no running sequence needs. It is taken again when needed.
    void release_memory();

    const ModelConfig& config() const { return parts_.model->config(); }

    // Positions that the cache holds in all.
    std::int64_t kv_tokens_total() const;

    EngineStats stats() const;  // Thread-safe.

private:
    struct Parts {
        std::unique_ptr<Model> model;
        std::unique_ptr<BlockKvCache> cache;
        std::unique_ptr<PrefixStore> store;  // These may be null.
        std::unique_ptr<DraftModel> draft;
    };

    EngineThread(Parts parts, const EngineLimits& limits);

    void run();

    Parts parts_;
    SequenceQueue queue_;
    Scheduler scheduler_;
    std::thread thread_;
};

}  // namespace capstan::engine
