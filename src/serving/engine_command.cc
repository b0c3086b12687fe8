#include "serving/engine_command.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include <sys/resource.h>

#include "base/file.h"
#include "base/job_directory.h"
#include "base/log.h"
#include "engine/client/local_embedder.h"
#include "engine/client/local_encoder.h"
#include "engine/client/local_model.h"
#include "engine/model/architecture.h"
#include "engine/model/config_file.h"
#include "platform/http/metrics.h"
#include "platform/http/server.h"
#include "serving/advertised_url.h"
#include "serving/encoder_routes.h"
#include "serving/engine_gauges.h"
#include "serving/engine_routes.h"
#include "serving/model_routes.h"
#include "serving/sleep_routes.h"

namespace capstan::serving {
namespace {

constexpr std::int64_t kDrainMs = 10'000;
constexpr std::size_t kConnectionsMin = 16'384;
constexpr std::size_t kConnectionsSpare = 1'024;  // For callers who are told to come again, and for /health.
constexpr std::size_t kFilesOfOurOwn = 256;
constexpr auto kStopPoll = std::chrono::milliseconds(50);

Result<engine::KvType> parse_kv_type(std::string_view name) {
    using engine::KvType;
    for (const auto& [known, type] :
         {std::pair<std::string_view, KvType>{"f32", KvType::kF32},
          {"f16", KvType::kF16},
          {"i8", KvType::kI8},
          {"i4", KvType::kI4}}) {
        if (name == known) {
            return type;
        }
    }
    return Error{
        ErrorCode::kInvalid, "keys and values are kept as f32, f16, i8 or i4, not '" + std::string(name) + "'"
    };
}

Result<engine::kernels::PackAs> parse_quantize(std::string_view name) {
    using engine::kernels::PackAs;
    for (const auto& [known, pack_as] :
         {std::pair<std::string_view, PackAs>{"", PackAs::kStored},
          {"int8", PackAs::kInt8},
          {"int4", PackAs::kInt4}}) {
        if (name == known) {
            return pack_as;
        }
    }
    return Error{
        ErrorCode::kInvalid, "weights are quantised to int8 or int4, not '" + std::string(name) + "'"
    };
}

Result<engine::EngineLimits> limits_of(const EngineCommand& command) {
    const auto kv_type = parse_kv_type(command.kv_type);
    if (!kv_type) {
        return kv_type.error();
    }
    const auto pack_as = parse_quantize(command.quantize);
    if (!pack_as) {
        return pack_as.error();
    }
    engine::EngineLimits limits;
    limits.threads = command.threads;
    limits.kv_cache_bytes = command.kv_cache_bytes;
    limits.scheduler.spill.bytes_max = command.spill_bytes;
    limits.kv_type = *kv_type;
    limits.pack_as = *pack_as;
    limits.waiting_max = static_cast<std::size_t>(command.waiting_max);
    limits.draft_model = command.draft_model;
    limits.scheduler.speculation.guesses_max = command.guesses_max;
    limits.prefix_cache_directory = command.prefix_cache;
    limits.prefix_cache_bytes = command.prefix_cache_bytes;
    if (command.running_max > 0) {
        limits.scheduler.running_max = static_cast<std::size_t>(command.running_max);
    }
    return limits;
}

std::optional<engine::kernels::LoraPrecision> adapter_precision_of(const EngineCommand& command) {
    using engine::kernels::LoraPrecision;
    if (command.adapter_bits == 0) {
        return std::nullopt;
    }
    return command.adapter_bits == 8 ? LoraPrecision::kInt8 : LoraPrecision::kHalf;
}

Result<std::unique_ptr<engine::LocalModel>> open_model(const EngineCommand& command) {
    auto limits = limits_of(command);
    if (!limits) {
        return limits.error();
    }
    return engine::LocalModel::open(
        {.directory = command.model,
         .adapters = command.adapters,
         .adapter_precision = adapter_precision_of(command),
         .context_tokens_max = command.context_tokens_max,
         .grammar_cache_bytes = static_cast<std::size_t>(command.grammar_cache_bytes),
         .engine = std::move(*limits)}
    );
}

std::string name_of(const EngineCommand& command) {
    if (!command.name.empty()) {
        return command.name;
    }
    const bool is_file = command.model.extension() == ".gguf";
    return (is_file ? command.model.stem() : command.model.filename()).string();
}

ServedModel::Parts served_parts(
    const EngineCommand& command, engine::LocalModel& model, CallMetrics& metrics
) {
    ServedModel::Parts parts{
        .client = model,
        .name = name_of(command),
        .adapters = {},
        .context_tokens = model.context_tokens(),
        .calls_max = command.calls_max,
        .deadline_ms_max = command.deadline_ms_max,
        .metrics = &metrics
    };
    for (const auto& [name, folder] : command.adapters) {
        parts.adapters[name] = name;
    }
    return parts;
}

// Raises the limit of open files as far as needed and allowed; the limit. Shells start programs with 1,024.
std::size_t allow_open_files(std::size_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return wanted;
    }
    limit.rlim_cur = std::clamp<rlim_t>(wanted, limit.rlim_cur, std::max(limit.rlim_cur, limit.rlim_max));
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : wanted;
}

// So that a caller too many gets an answer (429, with when to come again) and not a closed connection.
void make_room(http::ServerOptions& options, int calls_max) {
    const std::size_t wanted =
        std::max(kConnectionsMin, static_cast<std::size_t>(calls_max) + kConnectionsSpare);
    const std::size_t files = allow_open_files(wanted + kFilesOfOurOwn);
    options.limits.connections_max = std::min(wanted, std::max(files, 2 * kFilesOfOurOwn) - kFilesOfOurOwn);
    options.queue_max = static_cast<int>(options.limits.connections_max);
}

// Listens until a stop signal; what goes on for too long after that is cut off, and its sequences are
// cancelled.
Result<void> serve(const EngineCommand& command, const http::Router& router, http::MetricRegistry& metrics) {
    http::ServerOptions options{.address = command.address, .port = command.port};
    options.metrics = &metrics;
    options.has_access_log = false;
    make_room(options, command.calls_max);
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
    if (!command.url_file.empty()) {
        const std::string url = advertised_url(command.address, (*server)->port());
        if (auto written = replace_file(command.url_file, url + "\n"); !written) {
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
    (*server)->drain(kDrainMs);
    return {};
}

Result<void> refuse_what_vectors_do_not_take(const EngineCommand& command) {
    if (!command.adapters.empty()) {
        return Error{ErrorCode::kInvalid, "a model that makes embeddings takes no adapters"};
    }
    if (command.guesses_max > 0 || !command.draft_model.empty()) {
        return Error{ErrorCode::kInvalid, "a model that makes embeddings has nothing to guess"};
    }
    return {};
}

template <typename Encoder>
Result<void> serve_vectors(const EngineCommand& command, Encoder& encoder, http::MetricRegistry& metrics) {
    http::Router router;
    add_encoder_routes(
        router, {.encoder = encoder, .name = name_of(command), .deadline_ms_max = command.deadline_ms_max}
    );
    add_health_routes(router, command.version);
    add_sleep_routes(router, {.sleeper = encoder});
    return serve(command, router, metrics);
}

Result<void> serve_encoder(const EngineCommand& command) {
    if (auto good = refuse_what_vectors_do_not_take(command); !good) {
        return good;
    }
    if (!command.quantize.empty()) {
        return Error{ErrorCode::kInvalid, "an encoder is not quantised at load"};
    }
    if (!command.pooling.empty()) {
        return Error{
            ErrorCode::kInvalid, "an encoder's own files say how it pools; --pooling is for decoders"
        };
    }
    auto encoder = engine::LocalEncoder::open(command.model, command.threads);
    if (!encoder) {
        return encoder.error();
    }
    http::MetricRegistry metrics;
    return serve_vectors(command, **encoder, metrics);
}

Result<void> serve_embedder(const EngineCommand& command) {
    if (auto good = refuse_what_vectors_do_not_take(command); !good) {
        return good;
    }
    const auto pooling = engine::decoder_pooling_named(command.pooling);
    if (!command.pooling.empty() && !pooling) {
        return Error{
            ErrorCode::kInvalid,
            "a decoder's vectors are pooled by last or mean, not '" + command.pooling + "'"
        };
    }
    auto limits = limits_of(command);
    if (!limits) {
        return limits.error();
    }
    auto embedder = engine::LocalEmbedder::open(
        {.model = command.model,
         .context_tokens_max = command.context_tokens_max,
         .pooling = pooling,
         .engine = std::move(*limits)}
    );
    if (!embedder) {
        return embedder.error();
    }
    http::MetricRegistry metrics;
    show_engine([&] { return (*embedder)->stats(); }, name_of(command), metrics);
    return serve_vectors(command, **embedder, metrics);
}

Result<void> serve_decoder(const EngineCommand& command) {
    auto model = open_model(command);
    if (!model) {
        return model.error();
    }
    http::MetricRegistry metrics;
    show_engine([&] { return (*model)->stats().engine; }, name_of(command), metrics);
    show_memory([&] { return (*model)->stats().grammar_bytes; }, name_of(command), metrics);
    CallMetrics call_metrics(metrics, name_of(command));
    ServedModel served(served_parts(command, **model, call_metrics));
    http::Router router;
    add_engine_routes(router, served);
    add_model_routes(
        router,
        {.model = **model,
         .served = served,
         .folder = command.model,
         .version = command.version,
         .adapters_may_change = command.adapters_may_change}
    );
    return serve(command, router, metrics);
}

}  // namespace

Result<void> run_engine(const EngineCommand& command) {
    catch_stop_signals();
    const auto config = engine::read_config_json(command.model);
    if (config && engine::is_encoder(*config)) {
        return serve_encoder(command);
    }
    const auto embedding = config ? engine::read_embedding_config(command.model)
                                  : Result<std::optional<engine::EmbeddingConfig>>(std::nullopt);
    if (!embedding) {
        return embedding.error();
    }
    if (!command.pooling.empty() || *embedding) {
        return serve_embedder(command);
    }
    if (config && engine::has_no_head(*config) && !config->bool_or("tie_word_embeddings", false)) {
        return Error{
            ErrorCode::kInvalid,
            "'" + command.model.string() +
                "' is a decoder without a head: it makes vectors, with "
                "--pooling last or mean"
        };
    }
    return serve_decoder(command);
}

}  // namespace capstan::serving
