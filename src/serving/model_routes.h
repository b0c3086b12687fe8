#pragma once

// What a server of one model answers besides calls for text, as vLLM's does: its tokenizer, its adapters, its
// health, sleep.

#include <filesystem>
#include <string>

#include "engine/client/local_model.h"
#include "platform/http/router.h"
#include "serving/served_model.h"

namespace capstan::serving {

struct ModelRoutes {
    engine::LocalModel& model;  // Both outlive the server.
    ServedModel& served;
    std::filesystem::path folder;      // For tokenizer_config.json.
    std::string version;               // Of this program.
    bool adapters_may_change = false;  // By callers: they name folders of this machine.
};

// GET and POST /ping; GET /health, /version: of any engine.
void add_health_routes(http::Router& router, const std::string& version);

// What add_health_routes adds; POST /tokenize, /detokenize; GET /tokenizer_info, /load; POST /sleep,
// /wake_up, GET /is_sleeping; POST /v1/load_lora_adapter, /v1/unload_lora_adapter.
void add_model_routes(http::Router& router, ModelRoutes routes);

}  // namespace capstan::serving
