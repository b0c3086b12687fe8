#include "engine/scheduling/engine_thread.h"

#include <utility>

#include "engine/scheduling/model_identity.h"

namespace capstan::engine {
namespace {

// With a cache for as many tokens as the model's.
Result<std::unique_ptr<DraftModel>> open_draft(
    const EngineLimits& limits, const Model& model, std::int64_t blocks
) {
    auto draft = Model::open(limits.draft_model, limits.threads);
    if (!draft) {
        return with_context("the draft model", draft.error());
    }
    const std::int64_t bytes = blocks * (*draft)->kv_shape().block_bytes();
    return DraftModel::build(std::move(*draft), model.config().vocabulary, bytes);
}

}  // namespace

EngineThread::EngineThread(Parts parts, const EngineLimits& limits)
    : parts_(std::move(parts)),
      queue_(limits.waiting_max),
      scheduler_(
          {
              .model = *parts_.model,
              .cache = *parts_.cache,
              .queue = queue_,
              .store = parts_.store.get(),
              .draft = parts_.draft.get(),
          },
          limits.scheduler
      ),
      thread_([this] { run(); }) {}

Result<std::unique_ptr<EngineThread>> EngineThread::start(
    const std::filesystem::path& model_directory, const EngineLimits& limits
) {
    if (limits.waiting_max < 1 || limits.scheduler.running_max < 1 ||
        limits.scheduler.prefill_tokens_max < 1) {
        return Error{
            ErrorCode::kInvalid, "the queue, the running sequences and the prefill chunk must be at least 1"
        };
    }
    auto model = Model::open(model_directory, limits.threads, limits.pack_as);
    if (!model) {
        return model.error();
    }
    auto cache = BlockKvCache::build((*model)->kv_shape(limits.kv_type), limits.kv_cache_bytes);
    if (!cache) {
        return cache.error();
    }
    Parts parts = {
        .model = std::move(*model), .cache = std::move(*cache), .store = nullptr, .draft = nullptr
    };
    if (!limits.prefix_cache_directory.empty()) {
        auto store = PrefixStore::open({
            .directory = limits.prefix_cache_directory,
            .bytes_max = limits.prefix_cache_bytes,
            .block_bytes = parts.model->kv_shape().block_bytes(),
            .identity = model_identity(*parts.model, model_directory),
        });
        if (!store) {
            return store.error();
        }
        parts.store = std::move(*store);
    }
    if (!limits.draft_model.empty()) {
        auto draft = open_draft(limits, *parts.model, parts.cache->blocks_total());
        if (!draft) {
            return draft.error();
        }
        parts.draft = std::move(*draft);
    }
    return std::unique_ptr<EngineThread>(new EngineThread(std::move(parts), limits));
}

EngineThread::~EngineThread() {
    for (const auto& sequence : queue_.close()) {
        sequence->finish(Error{ErrorCode::kUnavailable, "the engine is shutting down"});
    }
    thread_.join();
}

Result<std::shared_ptr<TokenChannel>> EngineThread::submit(
    SequenceRequest request, std::function<void()> on_change
) {
    auto channel = std::make_shared<TokenChannel>();
    channel->listen(std::move(on_change));
    if (auto good = queue_.push(std::make_unique<Sequence>(std::move(request), channel)); !good) {
        return good.error();
    }
    return channel;
}

Result<std::vector<std::shared_ptr<TokenChannel>>> EngineThread::submit_branches(
    const SequenceRequest& request, std::size_t branches, const std::function<void()>& on_change
) {
    std::vector<std::shared_ptr<TokenChannel>> channels;
    for (std::size_t i = 0; i < branches; ++i) {
        channels.push_back(std::make_shared<TokenChannel>());
        channels.back()->listen(on_change);
    }
    if (auto good = queue_.push(Sequence::with_branches(request, channels)); !good) {
        return good.error();
    }
    return channels;
}

void EngineThread::release_memory() {
    scheduler_.release_memory();
    queue_.wake();
}

void EngineThread::run() {
    while (!queue_.closed()) {
        if (scheduler_.is_idle()) {
            queue_.wait();
        }
        scheduler_.step();
    }
    scheduler_.shut_down();
}

std::int64_t EngineThread::kv_tokens_total() const {
    return parts_.cache->bytes_total() / parts_.cache->empty().shape.block_bytes() * kKvBlockTokens;
}

EngineStats EngineThread::stats() const {
    return EngineStats{
        .waiting = static_cast<std::int64_t>(queue_.size()),
        .scheduler = scheduler_.stats(),
        .kv_bytes_total = parts_.cache->bytes_total(),
        .kv_tokens_total = kv_tokens_total(),
    };
}

}  // namespace capstan::engine
