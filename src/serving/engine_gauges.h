#pragma once

// The state of a running engine as metrics: vLLM's names, and ours for what it has no name for.

#include <cstdint>
#include <functional>
#include <string>

#include "engine/scheduling/engine_thread.h"
#include "platform/http/metrics.h"

namespace capstan::serving {

// Asks for `stats` before each exposition.
void show_engine(
    std::function<engine::EngineStats()> stats, const std::string& model_name, http::MetricRegistry& registry
);

// Memory of this process: what malloc has in use and what it keeps for later, and of what is in use what
// kept grammars hold, which is asked for before each exposition, as above.
void show_memory(
    std::function<std::int64_t()> grammar_bytes, const std::string& model_name, http::MetricRegistry& registry
);

}  // namespace capstan::serving
