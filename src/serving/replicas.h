#pragma once

// Keeps engine processes alive, those that are wanted and no others, and says which of them answer.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "platform/http/client.h"
#include "platform/objects/object_store.h"
#include "platform/process/supervisor.h"
#include "serving/fleet_plan.h"
#include "serving/replica_load.h"
#include "serving/replica_spec.h"

namespace capstan::serving {

struct ReplicaStatus {
    std::string id;
    std::string target_id;
    std::string version_id;
    std::string quantize;    // As the spec's.
    std::string variant;     // variant_of the two.
    std::int64_t bytes = 0;  // memory_bytes_of the spec.
    std::string url;         // Empty until it listens.
    std::string model;       // What the engine calls the target's model.
    std::string state;       // process::name_of(ServiceState)
    bool is_healthy = false;
    int pid = 0;
    std::int64_t restarts = 0;
    std::string reason;  // Of the last failure.
    ReplicaLoad load;    // When observe() last asked.
};

// Thread-safe.
class Replicas {
public:
    struct Inputs {
        objects::ObjectStore& objects;  // Both outlive this.
        process::ProcessHost& host;
        std::filesystem::path program;        // The executable that has the command `engine`.
        std::filesystem::path models_folder;  // For materialised versions.
        std::filesystem::path run_folder;     // For port files and logs.
        int threads = 1;                      // Of each engine.
        // Command that starts an engine, elsewhere maybe, such as {"srun", "--ntasks=1"}; empty: none. The
        // folders are to be seen from there, and what ends it ends the engine.
        std::vector<std::string> launcher = {};
        std::int64_t retry_ms = 10'000;  // What could not be started is tried again after so long.
        std::function<void()>
            on_change;  // Called on a supervisor's thread when a replica's state has changed; must not block.
    };

    explicit Replicas(Inputs inputs);
    ~Replicas();

    // Starts what is missing and stops what is no longer wanted. Materialises models: takes as long as
    // copying them. What could not be started is in the status with its reason.
    void keep(const std::vector<ReplicaSpec>& wanted);

    std::vector<ReplicaStatus> status() const;

    // Asks every healthy replica how busy it is. Waits up to two seconds for one that does not answer.
    void observe();

    void stop();

private:
    struct Replica {
        ReplicaSpec spec;
        std::filesystem::path port_file;  // With the port, or the whole URL.
        std::string model;
        std::string failure;         // Why it could not be started.
        std::int64_t failed_ms = 0;  // Monotonic; when that was.
        ReplicaLoad load;
    };

    Result<void> start(const ReplicaSpec& spec);
    Result<process::ServiceSpec> service_of(const ReplicaSpec& spec, Replica& replica);
    static std::string url_of(const Replica& replica);

    Inputs inputs_;
    http::Client client_;
    mutable std::mutex mutex_;                 // Guards replicas_.
    std::map<std::string, Replica> replicas_;  // By id.
    LoadHistory loads_;                        // Used by observe() only.
    std::mutex keep_mutex_;                    // One keep() at a time.
    process::Supervisor supervisor_;           // Last: its threads use the rest.
};

}  // namespace capstan::serving
