#include "serving/engine_command.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "base/job_directory.h"
#include "base/log.h"
#include "engine/client/local_model.h"
#include "platform/http/metrics.h"
#include "platform/http/server.h"
#include "serving/engine_routes.h"

namespace capstan::serving {
namespace {

constexpr std::int64_t kDrainMs = 10'000;
constexpr std::int64_t kNever = INT64_MAX;
constexpr auto kStopPoll = std::chrono::milliseconds(50);

// The model until its deadline has passed: then whatever it generates ends at the next token, so that the
// process does.
class EndingModel final : public llm::ModelClient {
public:
    explicit EndingModel(llm::ModelClient& model) : model_(model) {}

    void end_at(std::int64_t monotonic_ms) { deadline_ms_ = monotonic_ms; }

    Result<llm::GenerateResult> generate(const llm::GenerateRequest& request, const llm::OnText& on_text)
        override {
        return model_.generate(request, [&](std::string_view piece) {
            return monotonic_now_ms() < deadline_ms_ && on_text(piece);
        });
    }

private:
    llm::ModelClient& model_;
    std::atomic<std::int64_t> deadline_ms_ = kNever;
};

Result<std::unique_ptr<engine::LocalModel>> open_model(const EngineCommand& command) {
    engine::ModelOptions options{.directory = command.model, .adapters = command.adapters};
    options.context_tokens_max = command.context_tokens_max;
    options.engine.threads = command.threads;
    options.engine.kv_cache_bytes = command.kv_cache_bytes;
    options.engine.waiting_max = static_cast<std::size_t>(command.calls_max);
    return engine::LocalModel::open(options);
}

void show_stats(const engine::LocalModel& model, http::MetricRegistry& metrics) {
    metrics.before_exposition([&model](http::MetricRegistry& registry) {
        const auto stats = model.stats();
        registry.gauge("capstan_engine_waiting", "Calls that wait for a place in the batch.")
            .set(static_cast<double>(stats.engine.waiting));
        registry.gauge("capstan_engine_kv_bytes", "Size of the key/value cache.")
            .set(static_cast<double>(stats.engine.kv_bytes_total));
    });
}

ServedModel served_model(
    const EngineCommand& command, llm::ModelClient& model, http::WorkerPool& generations
) {
    ServedModel served{
        .client = model,
        .name = command.name.empty() ? command.model.filename().string() : command.name,
        .adapters = {},
        .generations = generations
    };
    for (const auto& [name, folder] : command.adapters) {
        served.adapters[name] = name;
    }
    return served;
}

}  // namespace

Result<void> run_engine(const EngineCommand& command) {
    catch_stop_signals();
    auto model = open_model(command);
    if (!model) {
        return model.error();
    }
    http::MetricRegistry metrics;
    show_stats(**model, metrics);
    EndingModel ending(**model);
    http::WorkerPool generations(command.calls_max, 0);
    http::Router router;
    add_engine_routes(router, served_model(command, ending, generations));
    http::ServerOptions options{.address = command.address, .port = command.port};
    options.workers = command.calls_max + 4;  // A stream holds a worker while it waits for a token.
    options.metrics = &metrics;
    options.has_access_log = false;
    auto server = http::Server::start(options, router);
    if (!server) {
        return server.error();
    }
    if (!command.port_file.empty()) {
        if (auto written = replace_file(command.port_file, std::to_string((*server)->port()) + "\n");
            !written) {
            return written;
        }
    }
    log_info(
        "engine listens",
        {{"url", (*server)->url()}, {"model", command.model.string()}, {"adapters", command.adapters.size()}}
    );
    while (!stop_requested()) {
        std::this_thread::sleep_for(kStopPoll);
    }
    ending.end_at(monotonic_now_ms() + kDrainMs);
    (*server)->drain(kDrainMs);
    generations.stop();
    return {};
}

}  // namespace capstan::serving
