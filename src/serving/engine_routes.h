#pragma once

// OpenAI's API in front of one model: what an engine process serves. No keys: it listens on loopback, and who
// may call it is the gateway's business.

#include <cstdint>
#include <map>
#include <string>

#include "llm/model_client.h"
#include "platform/http/router.h"
#include "platform/http/worker_pool.h"

namespace capstan::serving {

struct ServedModel {
    llm::ModelClient& client;
    std::string name;  // What callers name in `model` for the base model.
    std::map<std::string, std::string>
        adapters;                   // What callers name in `model` → the adapter's name in the client.
    http::WorkerPool& generations;  // Runs the calls; outlives the routes, as `client` does.
};

// GET /v1/models, POST /v1/chat/completions, POST /v1/completions; streaming and not.
void add_engine_routes(http::Router& router, ServedModel served);

}  // namespace capstan::serving
