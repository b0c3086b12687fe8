#pragma once

// How busy an engine says that it is: read from its metrics, by vLLM's names, which ours has too.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "serving/fleet_plan.h"

namespace capstan::serving {

// Sums over all labels, of a text in Prometheus' exposition format; 0 for what is not there.
struct EngineMetrics {
    double running = 0;              // vllm:num_requests_running
    double waiting = 0;              // vllm:num_requests_waiting
    double first_token_seconds = 0;  // vllm:time_to_first_token_seconds_sum
    double first_tokens = 0;         // vllm:time_to_first_token_seconds_count
};

EngineMetrics parse_engine_metrics(std::string_view exposition);

// Remembers the last metrics of each replica, so as to tell what happened since.
class LoadHistory {
public:
    ReplicaLoad update(const std::string& replica_id, const EngineMetrics& now);

    void forget(const std::string& replica_id) { last_.erase(replica_id); }

private:
    std::map<std::string, EngineMetrics> last_;
};

}  // namespace capstan::serving
