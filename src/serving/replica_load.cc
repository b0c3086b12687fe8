#include "serving/replica_load.h"

#include <charconv>
#include <utility>

namespace capstan::serving {
namespace {

// The value behind "name{labels} " or "name "; nothing for a line of another name.
bool add_value(std::string_view line, std::string_view name, double& sum) {
    if (!line.starts_with(name)) {
        return false;
    }
    line.remove_prefix(name.size());
    if (line.starts_with('{')) {
        const std::size_t end = line.rfind('}');
        if (end == std::string_view::npos) {
            return false;
        }
        line.remove_prefix(end + 1);
    }
    if (!line.starts_with(' ')) {
        return false;
    }
    line.remove_prefix(1);
    double value = 0;
    const auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (failed != std::errc()) {
        return false;
    }
    sum += value;
    return true;
}

}  // namespace

EngineMetrics parse_engine_metrics(std::string_view exposition) {
    EngineMetrics metrics;
    const std::pair<std::string_view, double*> kNames[] = {
        {"vllm:num_requests_running", &metrics.running},
        {"vllm:num_requests_waiting", &metrics.waiting},
        {"vllm:time_to_first_token_seconds_sum", &metrics.first_token_seconds},
        {"vllm:time_to_first_token_seconds_count", &metrics.first_tokens},
    };
    while (!exposition.empty()) {
        const std::size_t end = std::min(exposition.find('\n'), exposition.size());
        const std::string_view line = exposition.substr(0, end);
        exposition.remove_prefix(std::min(end + 1, exposition.size()));
        for (const auto& [name, sum] : kNames) {
            if (add_value(line, name, *sum)) {
                break;
            }
        }
    }
    return metrics;
}

ReplicaLoad LoadHistory::update(const std::string& replica_id, const EngineMetrics& now) {
    EngineMetrics& last = last_[replica_id];
    if (now.first_tokens < last.first_tokens) {
        last = {};  // The engine was started again.
    }
    const double calls = now.first_tokens - last.first_tokens;
    const double seconds = now.first_token_seconds - last.first_token_seconds;
    last = now;
    return {
        .running = static_cast<std::int64_t>(now.running),
        .waiting = static_cast<std::int64_t>(now.waiting),
        .first_token_ms = calls > 0 ? seconds / calls * 1000 : 0,
    };
}

}  // namespace capstan::serving
