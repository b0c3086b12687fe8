#include "serving/replicas.h"

#include <algorithm>
#include <set>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "platform/objects/materialise.h"

namespace capstan::serving {
namespace {

constexpr std::uint64_t kLogBytesMax = std::uint64_t{16} << 20;
constexpr std::int64_t kHealthMsMax = 2'000;
constexpr std::size_t kPortFileBytesMax = 512;
constexpr std::int64_t kQueueMsMax = 3'600'000;  // A launcher may wait for a free machine.

std::string served_name(const registry::Version& version) {
    return version.model + "/" + std::to_string(version.number);
}

// The version's files in FOLDER/<version id>.
Result<std::filesystem::path> folder_of(
    objects::ObjectStore& store, const registry::Version& version, const std::filesystem::path& models
) {
    std::vector<objects::NamedObject> files;
    for (const registry::ModelFile& file : version.files) {
        files.push_back({file.path, file.object});
    }
    const auto folder = models / version.id;
    if (auto made = objects::materialise(store, files, folder); !made) {
        return with_context(served_name(version), made.error());
    }
    return folder;
}

}  // namespace

Replicas::Replicas(Inputs inputs)
    : inputs_(std::move(inputs)), supervisor_(inputs_.host, [this](const process::ServiceStatus& status) {
          log_info(
              "replica",
              {{"replica", status.name},
               {"state", process::name_of(status.state)},
               {"pid", status.pid},
               {"reason", status.reason}}
          );
          if (inputs_.on_change) {
              inputs_.on_change();
          }
      }) {}

Replicas::~Replicas() {
    stop();
}

void Replicas::stop() {
    supervisor_.stop();
}

std::string Replicas::url_of(const Replica& replica) {
    const auto told = read_file(replica.port_file, kPortFileBytesMax);
    if (!told || told->empty()) {
        return {};
    }
    const std::string line = told->substr(0, told->find('\n'));
    return line.starts_with("http://") ? line : "http://127.0.0.1:" + line;
}

Result<process::ServiceSpec> Replicas::service_of(const ReplicaSpec& spec, Replica& replica) {
    const registry::Version& full = spec.base ? *spec.base : spec.version;
    const auto folder = folder_of(inputs_.objects, full, inputs_.models_folder);
    if (!folder) {
        return folder.error();
    }
    replica.model = served_name(spec.version);
    std::vector<std::string> argv = inputs_.launcher;
    argv.insert(
        argv.end(),
        {inputs_.program.string(),
         "engine",
         "--model",
         folder->string(),
         "--name",
         served_name(full),
         "--threads",
         std::to_string(inputs_.threads)}
    );
    if (!spec.quantize.empty()) {
        argv.insert(argv.end(), {"--quantize", spec.quantize});
    }
    const bool is_elsewhere = !inputs_.launcher.empty();
    if (is_elsewhere) {
        argv.insert(argv.end(), {"--address", "0.0.0.0"});
    }
    argv.insert(argv.end(), {is_elsewhere ? "--url-file" : "--port-file", replica.port_file.string()});
    if (spec.base) {
        const auto adapter = folder_of(inputs_.objects, spec.version, inputs_.models_folder);
        if (!adapter) {
            return adapter.error();
        }
        argv.insert(argv.end(), {"--adapter", replica.model + "=" + adapter->string()});
    }
    const auto port_file = replica.port_file;
    const auto log_file = inputs_.run_folder / (spec.id + ".log");
    process::ServiceSpec service{.name = spec.id};
    service.process = [argv, port_file, log_file]() -> Result<process::ProcessSpec> {
        // The port of the process before must not be taken for that of the new one.
        if (auto removed = remove_tree(port_file); !removed) {
            return removed.error();
        }
        process::ProcessSpec process{.argv = argv};
        process.standard_output = {.path = log_file, .bytes_max = kLogBytesMax};
        process.standard_error = {.path = log_file, .bytes_max = kLogBytesMax};
        process.limits.oom_score_adjust = 500;
        return process;
    };
    service.health = [this, port_file]() -> Result<void> {
        Replica probe;
        probe.port_file = port_file;
        const std::string url = url_of(probe);
        if (url.empty()) {
            return Error{ErrorCode::kUnavailable, "the engine does not listen yet"};
        }
        http::ClientRequest request;
        request.url = url + "/healthz";
        request.limits.total_ms_max = kHealthMsMax;
        const auto response = client_.send(request);
        if (!response) {
            return response.error();
        }
        return response->is_ok() ? Result<void>() : Error{ErrorCode::kUnavailable, "the engine is not ready"};
    };
    service.health_interval_ms = 250;
    service.unhealthy_max = 20;
    if (is_elsewhere) {
        service.start_ms_max = kQueueMsMax;
    }
    return service;
}

Result<void> Replicas::start(const ReplicaSpec& spec) {
    if (auto created = create_folders(inputs_.run_folder); !created) {
        return created;
    }
    Replica replica;
    replica.spec = spec;
    replica.port_file = inputs_.run_folder / (spec.id + ".port");
    auto service = service_of(spec, replica);
    replica.failure = service ? "" : service.error().message;
    replica.failed_ms = monotonic_now_ms();
    {
        const std::scoped_lock lock(mutex_);
        replicas_.insert_or_assign(spec.id, replica);
    }
    if (!service) {
        return service.error();
    }
    auto added = supervisor_.add(std::move(*service));
    if (!added) {
        const std::scoped_lock lock(mutex_);
        replicas_[spec.id].failure = added.error().message;
    }
    return added;
}

void Replicas::keep(const std::vector<ReplicaSpec>& wanted) {
    const std::scoped_lock keeping(keep_mutex_);
    std::set<std::string> wanted_ids;
    for (const ReplicaSpec& spec : wanted) {
        wanted_ids.insert(spec.id);
    }
    std::vector<std::string> unwanted;
    std::set<std::string> running;
    {
        const std::scoped_lock lock(mutex_);
        for (const auto& [id, replica] : replicas_) {
            if (!wanted_ids.contains(id)) {
                unwanted.push_back(id);
            } else if (replica.failure.empty() || monotonic_now_ms() < replica.failed_ms + inputs_.retry_ms) {
                running.insert(id);
            }
        }
    }
    for (const std::string& id : unwanted) {
        if (auto removed = supervisor_.remove(id); !removed && removed.error().code != ErrorCode::kNotFound) {
            log_error("replica not stopped", {{"replica", id}, {"reason", removed.error().message}});
        }
        const std::scoped_lock lock(mutex_);
        replicas_.erase(id);
    }
    for (const ReplicaSpec& spec : wanted) {
        if (running.contains(spec.id)) {
            continue;
        }
        if (auto started = start(spec); !started) {
            log_error("replica not started", {{"replica", spec.id}, {"reason", started.error().message}});
        }
    }
}

void Replicas::observe() {
    for (const ReplicaStatus& status : status()) {
        if (!status.is_healthy || status.url.empty()) {
            loads_.forget(status.id);
            continue;
        }
        http::ClientRequest request;
        request.url = status.url + "/metrics";
        request.limits.total_ms_max = kHealthMsMax;
        const auto response = client_.send(request);
        if (!response || !response->is_ok()) {
            continue;  // Whether it lives is the supervisor's question; its load stays what it was.
        }
        const ReplicaLoad load = loads_.update(status.id, parse_engine_metrics(response->body));
        const std::scoped_lock lock(mutex_);
        if (const auto found = replicas_.find(status.id); found != replicas_.end()) {
            found->second.load = load;
        }
    }
}

std::vector<ReplicaStatus> Replicas::status() const {
    const auto services = supervisor_.list();
    std::vector<ReplicaStatus> all;
    const std::scoped_lock lock(mutex_);
    for (const auto& [id, replica] : replicas_) {
        ReplicaStatus status{
            .id = id,
            .target_id = replica.spec.target_id,
            .version_id = replica.spec.version.id,
            .quantize = replica.spec.quantize,
            .variant = variant_of(replica.spec.version.id, replica.spec.quantize),
            .bytes = memory_bytes_of(replica.spec),
            .url = url_of(replica),
            .model = replica.model,
            .state = "failed",
            .reason = replica.failure,
            .load = replica.load
        };
        const auto service = std::ranges::find(services, id, &process::ServiceStatus::name);
        if (service != services.end()) {
            status.state = process::name_of(service->state);
            status.is_healthy = service->state == process::ServiceState::kHealthy;
            status.pid = service->pid;
            status.restarts = service->restarts;
            status.reason = service->reason;
        }
        all.push_back(std::move(status));
    }
    return all;
}

}  // namespace capstan::serving
