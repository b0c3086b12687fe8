#pragma once

// The state of a running engine as metrics: vLLM's names, and ours for what it has no name for.

#include <string>

#include "engine/client/local_model.h"
#include "platform/http/metrics.h"

namespace capstan::serving {

// Asks the model before each exposition. `model` outlives the registry's use.
void show_engine(
    const engine::LocalModel& model, const std::string& model_name, http::MetricRegistry& registry
);

}  // namespace capstan::serving
