#pragma once

// Engines that give their memory back for a while: vLLM's routes.

#include <functional>

#include "llm/sleeper.h"
#include "platform/http/router.h"

namespace capstan::serving {

struct SleepRoutes {
    llm::Sleeper& sleeper;  // Outlives the server.
    // Called with true before it sleeps, and may wait for calls under way; with false when it is awake.
    std::function<void(bool must_refuse)> refuse_calls = {};
};

// POST /sleep, with ?level=1 or 2, which do the same here: weights and cache are given back, and the weights
// are read from their file again. POST /wake_up; GET /is_sleeping.
void add_sleep_routes(http::Router& router, SleepRoutes routes);

}  // namespace capstan::serving
