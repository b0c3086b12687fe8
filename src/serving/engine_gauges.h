#pragma once

// The state of a running engine as metrics: vLLM's names, and ours for what it has no name for.

#include <functional>
#include <string>

#include "engine/scheduling/engine_thread.h"
#include "platform/http/metrics.h"

namespace capstan::serving {

// Asks for `stats` before each exposition.
void show_engine(
    std::function<engine::EngineStats()> stats, const std::string& model_name, http::MetricRegistry& registry
);

}  // namespace capstan::serving
